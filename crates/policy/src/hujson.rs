//! Parses `HuJSON` (JSON with comments and trailing commas) into a tree that keeps the position of each
//! value.

use std::{collections::HashMap, ops::Range};

use jsonc_parser::{CollectOptions, ParseOptions, ast, common::Ranged as _, parse_to_ast};
use serde_json::{Map, Value};

pub use super::position::Place;
use super::{position::Lines, syntax};

/// A syntax error in a `HuJSON` text, with its position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {message}")]
pub struct SyntaxError {
    /// The position of the error.
    pub at: Place,
    /// What is wrong.
    pub message: String,
}

/// A `HuJSON` text and its syntax tree.
#[derive(Debug, Clone)]
pub struct Document {
    text: String,
    lines: Lines,
    root: Node,
    repeated: Vec<Repeated>,
}

/// A name that an object has more than once. Programs disagree about which of its values counts; here it is
/// the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeated {
    /// The name, as it is written the second time.
    pub name: String,
    /// The byte range of the second occurrence.
    pub at: Range<usize>,
    /// The byte range of the first occurrence.
    pub first_at: Range<usize>,
}

/// A value of the syntax tree, with its position.
#[derive(Debug, Clone)]
pub struct Node {
    /// The byte range of the value.
    pub at: Range<usize>,
    /// The value.
    pub kind: Kind,
}

/// The content of a [`Node`].
#[derive(Debug, Clone)]
pub enum Kind {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number, as written.
    Number(String),
    /// A string, without quotes and with escapes resolved.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object; its members are in the order of the text.
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Debug, Clone)]
pub struct Member {
    /// The name.
    pub name: String,
    /// The byte range of the name.
    pub name_at: Range<usize>,
    /// The value.
    pub value: Node,
}

/// JSON with comments and trailing commas, and no other extension.
pub(super) fn options() -> ParseOptions {
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// An empty object, `{}`.
impl Default for Document {
    fn default() -> Self {
        let root = Node { at: 0..2, kind: Kind::Object(Vec::new()) };
        Self { text: "{}".to_owned(), lines: Lines::of("{}"), root, repeated: Vec::new() }
    }
}

impl Document {
    /// Parses a text. A leading byte order mark is dropped.
    ///
    /// # Errors
    ///
    /// [`SyntaxError`] with the position of the error.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let wrong = |at: usize, message: String| SyntaxError {
            at: Lines::of(text).place(text, at),
            message,
        };
        let parsed =
            parse_to_ast(text, &CollectOptions::default(), &options()).map_err(|error| {
                let at = error.range().start;
                wrong(at, syntax::message(text, at, error.kind()))
            })?;
        let value = parsed.value.ok_or_else(|| wrong(0, "there is nothing in it".to_owned()))?;
        let mut repeated = Vec::new();
        let root = node(text, &value, &mut repeated).map_err(|(at, message)| wrong(at, message))?;
        only_known_blanks(text).map_err(|(at, message)| wrong(at, message))?;
        repeated.sort_by_key(|it: &Repeated| it.at.start);
        Ok(Self { text: text.to_owned(), lines: Lines::of(text), root, repeated })
    }

    /// Parses a text in which no object has a name more than once.
    ///
    /// # Errors
    ///
    /// [`SyntaxError`] with the position of the error or of the repeated name.
    pub fn parse_strict(text: &str) -> Result<Self, SyntaxError> {
        let document = Self::parse(text)?;
        match document.repeated.first() {
            Some(repeated) => {
                let message = format!("the name {:?} is here twice", repeated.name);
                Err(SyntaxError { at: document.place(repeated.at.start), message })
            }
            None => Ok(document),
        }
    }

    /// The names that an object has more than once, in the order of the text.
    pub fn repeated(&self) -> &[Repeated] {
        &self.repeated
    }

    /// The text, without a byte order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The root value.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The line and column of the byte offset `at`.
    pub fn place(&self, at: usize) -> Place {
        self.lines.place(&self.text, at)
    }
}

impl Node {
    /// The string, if the value is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Kind::Text(text) = &self.kind { Some(text) } else { None }
    }

    /// The elements, if the value is a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        if let Kind::List(list) = &self.kind { Some(list) } else { None }
    }

    /// The members, if the value is an object.
    pub fn as_object(&self) -> Option<&[Member]> {
        if let Kind::Object(members) = &self.kind { Some(members) } else { None }
    }

    /// Whether the value is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// The member called `name`, in any case, if the value is an object that has one; of several, the last.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.as_object()?.iter().rfind(|it| it.name.eq_ignore_ascii_case(name))
    }

    /// The type of the value for an error message, such as `a list`.
    pub fn what(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "true or false",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Object(_) => "an object",
        }
    }

    /// The value as JSON, without comments.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(it) => Value::Bool(*it),
            Kind::Number(it) => serde_json::from_str(it).unwrap_or(Value::Null),
            Kind::Text(it) => Value::String(it.clone()),
            Kind::List(it) => it.iter().map(Self::to_json).collect(),
            Kind::Object(members) => {
                let fields = members.iter().map(|it| (it.name.clone(), it.value.to_json()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }
}

fn node(
    text: &str,
    value: &ast::Value<'_>,
    repeated: &mut Vec<Repeated>,
) -> Result<Node, (usize, String)> {
    let at = value.start()..value.end();
    let kind = match value {
        ast::Value::NullKeyword(_) => Kind::Null,
        ast::Value::BooleanLit(it) => Kind::Bool(it.value),
        ast::Value::NumberLit(it) => Kind::Number(number(it, at.start)?),
        ast::Value::StringLit(it) => {
            no_control_characters(text, &at)?;
            Kind::Text(it.value.clone().into_owned())
        }
        ast::Value::Array(it) => {
            let elements = it.elements.iter().map(|it| node(text, it, repeated));
            Kind::List(elements.collect::<Result<_, _>>()?)
        }
        ast::Value::Object(it) => {
            let mut members: Vec<Member> = Vec::with_capacity(it.properties.len());
            for property in &it.properties {
                members.push(member(text, property, repeated)?);
            }
            find_repeated(&members, repeated);
            Kind::Object(members)
        }
    };
    Ok(Node { at, kind })
}

fn member(
    text: &str,
    property: &ast::ObjectProp<'_>,
    repeated: &mut Vec<Repeated>,
) -> Result<Member, (usize, String)> {
    let name_at = property.name.start()..property.name.end();
    no_control_characters(text, &name_at)?;
    let name = property.name.as_str().to_owned();
    Ok(Member { name, name_at, value: node(text, &property.value, repeated)? })
}

fn find_repeated(members: &[Member], repeated: &mut Vec<Repeated>) {
    let mut first: HashMap<&str, &Member> = HashMap::with_capacity(members.len());
    for member in members {
        let earlier = *first.entry(&member.name).or_insert(member);
        if earlier.name_at != member.name_at {
            let (at, first_at) = (member.name_at.clone(), earlier.name_at.clone());
            repeated.push(Repeated { name: member.name.clone(), at, first_at });
        }
    }
}

/// The number as written. Rejects numbers that the parser accepts but JSON does not, such as `01`.
fn number(literal: &ast::NumberLit<'_>, at: usize) -> Result<String, (usize, String)> {
    let written = literal.value;
    match serde_json::from_str::<serde_json::Number>(written) {
        Ok(_) => Ok(written.to_owned()),
        Err(_) => Err((at, format!("`{written}` is no number"))),
    }
}

/// Rejects unescaped tabs and line breaks in strings, which the parser accepts.
fn no_control_characters(text: &str, at: &Range<usize>) -> Result<(), (usize, String)> {
    let written = text.get(at.clone()).unwrap_or_default();
    match written.char_indices().find(|(_, it)| *it < ' ') {
        Some((offset, it)) => Err((
            at.start + offset,
            format!("{it:?} stands bare in a text; write it as \\u{:04x}", u32::from(it)),
        )),
        None => Ok(()),
    }
}

/// Rejects whitespace that the parser accepts but JSON does not, and a bare carriage return in a comment:
/// it ends the comment for the parser, but not for other programs.
fn only_known_blanks(text: &str) -> Result<(), (usize, String)> {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|it| !it.is_empty()) {
        at += match rest.as_bytes() {
            [b'"', ..] => length_of_text(rest),
            [b'/', b'*', ..] => {
                let end = rest.get(2..).and_then(|it| it.find("*/"));
                end.map_or(rest.len(), |it| it + 4)
            }
            [b'/', b'/', ..] => {
                let line = rest.split_inclusive('\n').next().unwrap_or(rest);
                let inner = line.strip_suffix("\r\n").unwrap_or(line);
                if let Some(offset) = inner.find('\r') {
                    return Err((at + offset, "a bare carriage return is in a comment".to_owned()));
                }
                line.len()
            }
            _ => match rest.chars().next() {
                Some(it) if it.is_whitespace() && !matches!(it, ' ' | '\t' | '\n' | '\r') => {
                    return Err((at, format!("{it:?} is no blank in JSON")));
                }
                it => it.map_or(1, char::len_utf8),
            },
        };
    }
    Ok(())
}

/// The length in bytes of the string literal at the start of `rest`, including its quotes.
pub(super) fn length_of_text(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest.bytes().skip(1).position(|it| {
        let ends = it == b'"' && !escaped;
        escaped = it == b'\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |it| it + 2)
}
