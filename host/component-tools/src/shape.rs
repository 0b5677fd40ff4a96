//! Types of WIT, resolved into trees.

use crate::docs::Docs;
use crate::names::snake;
use std::collections::HashMap;
use std::sync::Arc;
use wit_parser::{Handle, Resolve, Type, TypeDefKind, TypeId, TypeOwner};

/// How deep types may nest.
pub const DEPTH_MAX: usize = 32;
/// The most types, fields and cases of one component's functions, all together: a type that is used twice counts twice.
pub const NODES_MAX: usize = 20_000;

/// A type, with all that it is made of. WIT has no recursive types; the depth is at most [`DEPTH_MAX`].
#[derive(Clone, Debug)]
pub struct Shape {
    /// The type's doc comment.
    pub docs: Option<Arc<str>>,
    /// What it is.
    pub kind: Kind,
}

/// An integer type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum IntKind {
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
}

impl IntKind {
    /// The least and the greatest.
    pub fn range(self) -> (i128, i128) {
        match self {
            Self::S8 => (i8::MIN.into(), i8::MAX.into()),
            Self::U8 => (0, u8::MAX.into()),
            Self::S16 => (i16::MIN.into(), i16::MAX.into()),
            Self::U16 => (0, u16::MAX.into()),
            Self::S32 => (i32::MIN.into(), i32::MAX.into()),
            Self::U32 => (0, u32::MAX.into()),
            Self::S64 => (i64::MIN.into(), i64::MAX.into()),
            Self::U64 => (0, u64::MAX.into()),
        }
    }

    /// Whether JSON readers may lose digits of it, so that strings of digits are taken too.
    pub fn is_wide(self) -> bool {
        matches!(self, Self::S64 | Self::U64)
    }
}

/// What a type is. `result` has its two cases as a variant has.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    Bool,
    Int(IntKind),
    Float32,
    Float64,
    Char,
    String,
    /// `list<u8>`.
    Bytes,
    List(Box<Shape>),
    Record(Vec<Field>),
    Tuple(Vec<Shape>),
    Variant(Cases),
    Enum(Cases),
    Option(Box<Shape>),
    Result(Cases),
    Flags(Cases),
}

/// A field of a record, or a parameter of a function.
#[derive(Clone, Debug)]
pub struct Field {
    /// In WIT: `max-size`.
    pub name: String,
    /// In JSON: `max_size`.
    pub json: String,
    /// Its doc comment.
    pub docs: Option<Arc<str>>,
    /// Its type.
    pub shape: Shape,
}

impl Field {
    /// Whether it may be left out.
    pub fn is_optional(&self) -> bool {
        matches!(self.shape.kind, Kind::Option(_))
    }
}

/// A case of a variant, enum or result, or one of flags.
#[derive(Clone, Debug)]
pub struct Case {
    /// In WIT: `not-found`.
    pub name: String,
    /// In JSON: `not_found`.
    pub json: String,
    /// Its doc comment.
    pub docs: Option<Arc<str>>,
    /// What it carries.
    pub shape: Option<Shape>,
}

/// Cases, found by either name at once: a type may have thousands, and a list thousands of values of it.
#[derive(Clone, Debug)]
pub struct Cases {
    list: Vec<Case>,
    by_name: HashMap<String, usize>,
    by_json: HashMap<String, usize>,
}

impl Cases {
    fn new(list: Vec<Case>) -> Self {
        let index = |name: fn(&Case) -> &String| list.iter().enumerate().map(|(i, c)| (name(c).clone(), i)).collect();
        Self { by_name: index(|c| &c.name), by_json: index(|c| &c.json), list }
    }

    /// All, in WIT's order.
    pub fn iter(&self) -> impl Iterator<Item = &Case> {
        self.list.iter()
    }

    /// The one with this name in WIT.
    pub fn named(&self, name: &str) -> Option<&Case> {
        self.list.get(*self.by_name.get(name)?)
    }

    /// The one with this name in JSON, and its place.
    pub fn in_json(&self, name: &str) -> Option<(usize, &Case)> {
        let place = *self.by_json.get(name)?;
        Some((place, self.list.get(place)?))
    }
}

/// Resolves types; counts what it made.
pub(crate) struct Shapes<'a> {
    resolve: &'a Resolve,
    docs: &'a Docs,
    left: usize,
}

/// Why a type cannot be a tool's.
pub(crate) enum Unfit {
    /// It has no JSON: what it is.
    NoJson(&'static str),
    /// It nests too deep.
    Deep,
    /// The component's types are too many; no further function can be read.
    Many,
}

impl<'a> Shapes<'a> {
    pub(crate) fn new(resolve: &'a Resolve, docs: &'a Docs) -> Self {
        Self { resolve, docs, left: NODES_MAX }
    }

    pub(crate) fn shape(&mut self, ty: &Type, depth: usize) -> Result<Shape, Unfit> {
        if depth >= DEPTH_MAX {
            return Err(Unfit::Deep);
        }
        self.left = self.left.checked_sub(1).ok_or(Unfit::Many)?;
        let kind = match ty {
            Type::Bool => Kind::Bool,
            Type::S8 => Kind::Int(IntKind::S8),
            Type::U8 => Kind::Int(IntKind::U8),
            Type::S16 => Kind::Int(IntKind::S16),
            Type::U16 => Kind::Int(IntKind::U16),
            Type::S32 => Kind::Int(IntKind::S32),
            Type::U32 => Kind::Int(IntKind::U32),
            Type::S64 => Kind::Int(IntKind::S64),
            Type::U64 => Kind::Int(IntKind::U64),
            Type::F32 => Kind::Float32,
            Type::F64 => Kind::Float64,
            Type::Char => Kind::Char,
            Type::String => Kind::String,
            Type::ErrorContext => return Err(Unfit::NoJson("an error-context")),
            Type::Id(id) => return self.defined(*id, depth),
        };
        Ok(Shape { docs: None, kind })
    }

    fn defined(&mut self, id: TypeId, depth: usize) -> Result<Shape, Unfit> {
        let resolve = self.resolve;
        let def = resolve.types.get(id).ok_or(Unfit::NoJson("a type that is not known"))?;
        let place = self.place(def.owner, def.name.as_deref());
        let kind = match &def.kind {
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter().map(|field| {
                    let docs = place.and_then(|(owner, ty)| self.docs.item(owner, ty, &field.name));
                    let shape = self.shape(&field.ty, depth + 1)?;
                    Ok(Field { name: field.name.clone(), json: snake(&field.name), docs, shape })
                });
                Kind::Record(fields.collect::<Result<_, _>>()?)
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter().map(|case| (case.name.as_str(), case.ty.as_ref()));
                Kind::Variant(self.cases(cases, place, depth)?)
            }
            TypeDefKind::Enum(all) => {
                Kind::Enum(self.cases(all.cases.iter().map(|case| (case.name.as_str(), None)), place, depth)?)
            }
            TypeDefKind::Flags(all) => {
                Kind::Flags(self.cases(all.flags.iter().map(|flag| (flag.name.as_str(), None)), place, depth)?)
            }
            TypeDefKind::Result(result) => {
                let cases = [("ok", result.ok.as_ref()), ("err", result.err.as_ref())];
                Kind::Result(self.cases(cases.into_iter(), None, depth)?)
            }
            TypeDefKind::Tuple(tuple) => {
                Kind::Tuple(tuple.types.iter().map(|ty| self.shape(ty, depth + 1)).collect::<Result<_, _>>()?)
            }
            TypeDefKind::Option(ty) => Kind::Option(Box::new(self.shape(ty, depth + 1)?)),
            TypeDefKind::List(ty) => {
                let item = self.shape(ty, depth + 1)?;
                if matches!(item.kind, Kind::Int(IntKind::U8)) { Kind::Bytes } else { Kind::List(Box::new(item)) }
            }
            TypeDefKind::Type(ty) => {
                let named = self.shape(ty, depth + 1)?;
                let docs = place.and_then(|(owner, ty)| self.docs.ty(owner, ty));
                return Ok(Shape { docs: docs.or(named.docs), kind: named.kind });
            }
            TypeDefKind::Resource | TypeDefKind::Handle(Handle::Own(_) | Handle::Borrow(_)) => {
                return Err(Unfit::NoJson("a resource"));
            }
            TypeDefKind::Future(_) => return Err(Unfit::NoJson("a future")),
            TypeDefKind::Stream(_) => return Err(Unfit::NoJson("a stream")),
            TypeDefKind::Map(..) => return Err(Unfit::NoJson("a map")),
            TypeDefKind::FixedLengthList(..) => return Err(Unfit::NoJson("a list of a fixed length")),
            TypeDefKind::Unknown => return Err(Unfit::NoJson("a type that is not known")),
        };
        Ok(Shape { docs: place.and_then(|(owner, ty)| self.docs.ty(owner, ty)), kind })
    }

    fn cases<'t>(
        &mut self,
        cases: impl Iterator<Item = (&'t str, Option<&'t Type>)>,
        place: Option<(Option<&str>, &str)>,
        depth: usize,
    ) -> Result<Cases, Unfit> {
        let case = |(name, ty): (&str, Option<&Type>)| {
            self.left = self.left.checked_sub(1).ok_or(Unfit::Many)?;
            let shape = ty.map(|ty| self.shape(ty, depth + 1)).transpose()?;
            let docs = place.and_then(|(owner, ty)| self.docs.item(owner, ty, name));
            Ok(Case { name: name.to_owned(), json: snake(name), docs, shape })
        };
        cases.map(case).collect::<Result<Vec<_>, _>>().map(Cases::new)
    }

    /// Where a named type stands: its interface's name (none for the world's own) and its own.
    fn place<'n>(&self, owner: TypeOwner, name: Option<&'n str>) -> Option<(Option<&'a str>, &'n str)> {
        let owner = match owner {
            TypeOwner::Interface(id) => Some(self.resolve.interfaces.get(id)?.name.as_deref()?),
            TypeOwner::World(_) => None,
            TypeOwner::None => return None,
        };
        Some((owner, name?))
    }
}
