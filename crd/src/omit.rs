//! When a field is left out of the JSON: where Go's `omitempty` leaves it out.

pub(crate) fn is_false(value: &bool) -> bool {
    !*value
}

pub(crate) fn is_zero<N: Default + PartialEq>(value: &N) -> bool {
    *value == N::default()
}
