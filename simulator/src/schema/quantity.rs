//! Resource quantities in their canonical form, as the API server stores them in built-in kinds.

use serde_json::Value;

const NANO: i128 = 1_000_000_000;
const DECIMAL: [(&str, i32); 10] = [
    ("E", 18),
    ("P", 15),
    ("T", 12),
    ("G", 9),
    ("M", 6),
    ("k", 3),
    ("", 0),
    ("m", -3),
    ("u", -6),
    ("n", -9),
];
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// The canonical text of a quantity, written as a string or a number; none if it is not one.
/// The value is exact to a billionth; finer parts are rounded up, as the API server does.
pub(crate) fn canonical(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let digits_end = text
        .char_indices()
        .find(|(index, c)| !(c.is_ascii_digit() || *c == '.' || (*index == 0 && "+-".contains(*c))))
        .map_or(text.len(), |(index, _)| index);
    let (number, suffix) = text.split_at(digits_end);
    if let Some(power) = BINARY.iter().position(|unit| *unit == suffix).filter(|power| *power > 0) {
        let scale = 1_i128.checked_shl(10 * u32::try_from(power).ok()?)?;
        return Some(binary(nanos(number, scale)?));
    }
    if let Some((_, exponent)) = DECIMAL.iter().find(|(unit, _)| *unit == suffix) {
        return Some(decimal(scaled(number, *exponent)?, false));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?;
    Some(decimal(scaled(number, exponent)?, true))
}

fn scaled(number: &str, exponent: i32) -> Option<i128> {
    if exponent >= 0 {
        return nanos(number, 10_i128.checked_pow(exponent.unsigned_abs())?);
    }
    let divisor = 10_i128.checked_pow(exponent.unsigned_abs())?;
    let whole = nanos(number, 1)?;
    let up = i128::from(whole > 0 && whole % divisor != 0);
    Some(whole / divisor + up)
}

/// The decimal `number` times `scale`, in billionths.
fn nanos(number: &str, scale: i128) -> Option<i128> {
    let negative = number.starts_with('-');
    let body = number.trim_start_matches(['+', '-']);
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut total = whole.checked_mul(NANO)?.checked_mul(scale)?;
    if !fraction.is_empty() {
        let parts: i128 = fraction.parse().ok()?;
        let unit = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let product = parts.checked_mul(NANO)?.checked_mul(scale)?;
        total = total.checked_add(product / unit + i128::from(product % unit != 0))?;
    }
    Some(if negative { -total } else { total })
}

fn decimal(nanos: i128, exponent_form: bool) -> String {
    if nanos == 0 {
        return "0".to_owned();
    }
    let mut mantissa = nanos;
    let mut exponent = -9;
    while mantissa % 1000 == 0 && exponent < 18 {
        mantissa /= 1000;
        exponent += 3;
    }
    if exponent_form && exponent != 0 {
        return format!("{mantissa}e{exponent}");
    }
    let unit = DECIMAL.iter().find(|(_, power)| *power == exponent).map_or("", |(unit, _)| unit);
    format!("{mantissa}{unit}")
}

fn binary(nanos: i128) -> String {
    // What is not a whole number of bytes has no binary form.
    if nanos % NANO != 0 || (nanos / NANO).abs() < 1024 {
        return decimal_bytes(nanos);
    }
    let mut mantissa = nanos / NANO;
    let mut power = 0;
    while mantissa % 1024 == 0 && power + 1 < BINARY.len() {
        mantissa /= 1024;
        power += 1;
    }
    format!("{mantissa}{}", BINARY[power])
}

fn decimal_bytes(nanos: i128) -> String {
    if nanos % NANO == 0 { (nanos / NANO).to_string() } else { decimal(nanos, false) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn canonical_forms() {
        for (from, to) in [
            (json!("0.5"), "500m"),
            (json!(0.5), "500m"),
            (json!(2), "2"),
            (json!("1000m"), "1"),
            (json!("1000"), "1k"),
            (json!("1024Mi"), "1Gi"),
            (json!("1.5Gi"), "1536Mi"),
            (json!("0.5Ki"), "512"),
            (json!("100M"), "100M"),
            (json!("1e3"), "1e3"),
            (json!("0"), "0"),
            (json!("-1"), "-1"),
        ] {
            assert_eq!(canonical(&from).as_deref(), Some(to), "{from}");
        }
        for bad in [json!("x"), json!(""), json!("1x"), json!(true)] {
            assert_eq!(canonical(&bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn canonical_is_stable(number in 0_u32..5_000_000, unit in "(m|k|M|G|Ki|Mi|Gi)?") {
            let once = canonical(&json!(format!("{number}{unit}"))).unwrap();
            prop_assert_eq!(canonical(&json!(once.clone())), Some(once));
        }
    }
}
