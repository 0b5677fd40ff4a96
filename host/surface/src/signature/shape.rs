//! What a JSON Schema says of a value, as far as types can say it.

use serde_json::Value;

/// The longest string that is shown as a literal, in characters.
pub(super) const LITERAL_CHARS_MAX: usize = 80;
/// The most literals of one union; more are shown as their type.
pub(super) const LITERALS_MAX: usize = 48;
/// The most members of one union besides literals; more are shown as anything.
const MEMBERS_MAX: usize = 24;

/// A type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Any,
    Never,
    Null,
    Boolean,
    Integer,
    Number,
    String,
    /// One of these values.
    Literals(Vec<Literal>),
    Array(Box<Shape>),
    /// The first values in order, then any number of others.
    Tuple(Vec<Shape>, Option<Box<Shape>>),
    Object(Object),
    /// One of these; flat, without twins, at most one of them literals.
    Union(Vec<Shape>),
    /// A type that is declared on its own, by its key in [`super::lower::Lowered::named`].
    Named(String),
}

/// An object: its known members, and the type of others where they are spoken of.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Object {
    pub(super) fields: Vec<Field>,
    pub(super) more: Option<Box<Shape>>,
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) required: bool,
    pub(super) default: Option<Literal>,
    /// One harmless line about it, maybe empty.
    pub(super) note: String,
}

/// A value that a type can name.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    String(String),
}

impl Literal {
    /// Reads a scalar that is short enough to be shown.
    pub(super) fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(value) => Some(Self::Boolean(*value)),
            Value::Number(number) => number.as_i64().map(Self::Integer).or_else(|| number.as_f64().map(Self::Float)),
            Value::String(text) => text.chars().nth(LITERAL_CHARS_MAX).is_none().then(|| Self::String(text.clone())),
            Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The type that the value is of.
    pub(super) fn shape(&self) -> Shape {
        match self {
            Self::Null => Shape::Null,
            Self::Boolean(_) => Shape::Boolean,
            Self::Integer(_) => Shape::Integer,
            Self::Float(_) => Shape::Number,
            Self::String(_) => Shape::String,
        }
    }
}

impl Shape {
    /// Any of the values; of the values' types when they are many, long, or no scalars.
    pub(super) fn one_of_values(values: &[Value]) -> Self {
        if values.len() <= LITERALS_MAX
            && let Some(literals) = values.iter().map(Literal::read).collect::<Option<Vec<_>>>()
        {
            return Self::union(literals.into_iter().map(|literal| match literal {
                Literal::Null => Self::Null,
                literal => Self::Literals(vec![literal]),
            }));
        }
        Self::union(values.iter().map(|value| match value {
            Value::Array(_) => Self::Array(Box::new(Self::Any)),
            Value::Object(_) => Self::Object(Object { fields: Vec::new(), more: Some(Box::new(Self::Any)) }),
            Value::String(_) => Self::String,
            scalar => Literal::read(scalar).map_or(Self::Any, |literal| literal.shape()),
        }))
    }

    /// One of the types.
    pub(super) fn union(members: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        let mut literals: Vec<Literal> = Vec::new();
        for member in members {
            let inner = match member {
                Self::Union(inner) => inner,
                other => vec![other],
            };
            for shape in inner {
                match shape {
                    Self::Any => return Self::Any,
                    Self::Never => {}
                    Self::Literals(more) => {
                        for literal in more {
                            if literals.len() <= LITERALS_MAX && !literals.contains(&literal) {
                                literals.push(literal);
                            }
                        }
                    }
                    shape if flat.len() > MEMBERS_MAX => drop(shape),
                    shape if flat.contains(&shape) => {}
                    shape => flat.push(shape),
                }
            }
        }
        if flat.len() > MEMBERS_MAX {
            return Self::Any;
        }
        if literals.len() > LITERALS_MAX {
            for shape in literals.drain(..).map(|literal| literal.shape()) {
                if !flat.contains(&shape) {
                    flat.push(shape);
                }
            }
        }
        literals.retain(|literal| !flat.contains(&literal.shape()));
        if flat.contains(&Self::Number) {
            flat.retain(|shape| *shape != Self::Integer);
        }
        if !literals.is_empty() {
            flat.insert(0, Self::Literals(literals));
        }
        // `null` is read best at the end.
        flat.sort_by_key(|shape| *shape == Self::Null);
        match flat.len() {
            0 => Self::Never,
            1 => flat.pop().unwrap_or(Self::Never),
            _ => Self::Union(flat),
        }
    }

    /// Whether a value is of the type, as far as can be seen without the named types.
    pub(super) fn takes(&self, literal: &Literal) -> bool {
        match self {
            Self::Any => true,
            Self::Literals(literals) => literals.contains(literal),
            Self::Union(members) => members.iter().any(|member| member.takes(literal)),
            Self::Number => matches!(literal, Literal::Integer(_) | Literal::Float(_)),
            shape => *shape == literal.shape(),
        }
    }

    /// The types within, in order.
    pub(super) fn children(&self) -> Vec<&Self> {
        match self {
            Self::Array(items) => vec![items],
            Self::Tuple(first, rest) => first.iter().chain(rest.as_deref()).collect(),
            Self::Object(object) => object.fields.iter().map(|f| &f.shape).chain(object.more.as_deref()).collect(),
            Self::Union(members) => members.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// How many types there are within, itself included.
    pub(super) fn size(&self) -> usize {
        1 + self.children().into_iter().map(Self::size).sum::<usize>()
    }

    /// The keys of the named types within, each as often as it stands there.
    pub(super) fn names<'a>(&'a self, into: &mut Vec<&'a str>) {
        if let Self::Named(key) = self {
            into.push(key);
        }
        self.children().into_iter().for_each(|child| child.names(into));
    }
}
