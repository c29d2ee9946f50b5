//! What can go wrong with a segment that is opened without its schema.

use core::fmt;
use std::error::Error;

/// A field could not be used as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldError {
    /// The segment has no such field.
    Missing {
        /// The segment's name.
        segment: String,
        /// The field's.
        field: String,
        /// The fields that it has.
        there: Vec<String>,
    },
    /// The field is another kind of structure.
    Kind {
        /// The segment's name.
        segment: String,
        /// The field's.
        field: String,
        /// What it is.
        found: String,
        /// What was asked for.
        expected: &'static str,
    },
    /// The field's entries are not described, so that keys and values cannot be told apart.
    Undescribed {
        /// The segment's name.
        segment: String,
        /// The field's.
        field: String,
        /// How it is described.
        found: String,
    },
    /// The field's parts do not lie where they should: the segment changed since it was opened.
    Place {
        /// The segment's name.
        segment: String,
        /// The field's.
        field: String,
        /// What is wrong.
        why: String,
    },
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing {
                segment,
                field,
                there,
            } => {
                write!(f, "segment `{segment}` has no field `{field}`; it has ")?;
                if there.is_empty() {
                    return f.write_str("none");
                }
                let names: Vec<_> = there.iter().map(|name| format!("`{name}`")).collect();
                f.write_str(&names.join(", "))
            }
            Self::Kind {
                segment,
                field,
                found,
                expected,
            } => write!(
                f,
                "`{field}` in segment `{segment}` is a `{found}`, not a `{expected}`; ask for what it is"
            ),
            Self::Undescribed {
                segment,
                field,
                found,
            } => write!(
                f,
                "`{field}` in segment `{segment}` does not say where key and value lie in its entries ({found}); derive `ShmType` for both where it is created"
            ),
            Self::Place {
                segment,
                field,
                why,
            } => write!(
                f,
                "`{field}` in segment `{segment}` is not where it should be: {why}; open the segment again"
            ),
        }
    }
}

impl Error for FieldError {}

/// A value does not fit an element's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    /// Where in the element: `position.x[2]`; empty for the element itself.
    pub path: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "`{}`: ", self.path)?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

impl Error for ValueError {}

/// A description from which no segment can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no segment can have this schema: {}", self.why)
    }
}

impl Error for SchemaError {}
