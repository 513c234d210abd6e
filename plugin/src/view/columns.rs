//! Columns of text, as wide as their widest cell (the layout of Go's text/tabwriter).

/// Spaces between two columns.
const PADDING: usize = 2;

/// Rows of cells. All rows are expected to have equally many.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    rows: Vec<Vec<String>>,
    least: Vec<usize>,
}

impl Columns {
    /// No rows; columns are at least this wide, without the padding.
    pub fn at_least(least: Vec<usize>) -> Self {
        Self { rows: Vec::new(), least }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The width of each column, without the padding.
    pub fn widths(&self) -> Vec<usize> {
        let mut widths = self.least.clone();
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                if widths.len() <= column {
                    widths.push(0);
                }
                widths[column] = widths[column].max(width(cell));
            }
        }
        widths
    }

    /// The lines, each without its line break. The last cell of a row is not padded.
    pub fn lines(&self) -> Vec<String> {
        let widths = self.widths();
        let line = |row: &Vec<String>| {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                line.push_str(cell);
                if column + 1 < row.len() {
                    let missing = widths[column].saturating_sub(width(cell));
                    line.push_str(&" ".repeat(missing + PADDING));
                }
            }
            line
        };
        self.rows.iter().map(line).collect()
    }
}

/// The number of characters that a terminal shows: each sign counts as one, as Go counts, and the
/// escape codes of colours as none.
pub fn width(text: &str) -> usize {
    let mut count = 0;
    let mut in_escape = false;
    for c in text.chars() {
        match c {
            '\u{1b}' => in_escape = true,
            'm' if in_escape => in_escape = false,
            _ if in_escape => {}
            _ => count += 1,
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::colour::{Colour, Palette};
    use proptest::prelude::*;

    fn columns(rows: &[&[&str]]) -> Vec<String> {
        let mut columns = Columns::default();
        for row in rows {
            columns.row(row.iter().map(|cell| (*cell).to_owned()));
        }
        columns.lines()
    }

    #[test]
    fn all_but_the_last_cell_are_padded() {
        assert_eq!(columns(&[&["NAME", "AGE"], &["web", ""]]), ["NAME  AGE", "web   "]);
        // An empty column still has its padding.
        assert_eq!(columns(&[&["a", "", "b"]]), ["a    b"]);
    }

    #[test]
    fn signs_count_as_one_and_colours_as_none() {
        assert_eq!(width("├──⧉ web"), 8);
        assert_eq!(width(&Palette::COLOURED.paint("॥", Some(Colour::Red))), 1);
    }

    #[test]
    fn columns_may_have_a_least_width() {
        let mut columns = Columns::at_least(vec![4]);
        columns.row(["a".to_owned(), "b".to_owned()]);
        assert_eq!(columns.lines(), ["a     b"]);
        assert_eq!(columns.widths(), [4, 1]);
    }

    proptest! {
        #[test]
        fn the_second_column_begins_at_one_place(cells in prop::collection::vec("[a-z✔॥]{0,9}", 1..8)) {
            let mut columns = Columns::default();
            for cell in &cells {
                columns.row([cell.clone(), "|".to_owned()]);
            }
            let widest = cells.iter().map(|cell| width(cell)).max().unwrap_or(0);
            for line in columns.lines() {
                prop_assert_eq!(line.chars().position(|c| c == '|'), Some(widest + 2));
            }
        }
    }
}
