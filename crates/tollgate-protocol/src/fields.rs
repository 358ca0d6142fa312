//! Reading an object so that nothing in it is overlooked.
//!
//! A translator takes the members that it knows by name; [`Fields::rest`] tells of the others as losses. So a field
//! that nobody has heard of is never dropped in silence, and it takes no list of known fields beside the code. Values
//! stay text until they are asked for: numbers keep their digits, arguments of tools their bytes.

use crate::canonical::Losses;
use crate::fault::Fault;
use crate::json;
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::Write as _;

/// Most members of one object, and most elements of one list, that a translator takes.
const MAX_ITEMS: usize = 200_000;

/// The members of one object, each taken at most once.
#[derive(Debug)]
pub struct Fields<'a> {
    /// Where the object stands, for errors and losses: `messages[2].content[0]`; empty for the body.
    path: String,
    members: Vec<Field<'a>>,
}

#[derive(Debug)]
struct Field<'a> {
    name: Cow<'a, str>,
    value: &'a str,
    taken: Cell<bool>,
}

impl<'a> Fields<'a> {
    /// Reads an object. `null` members count as absent. Of a member given twice the last one counts, as for most
    /// parsers; what must not be given twice is checked by whoever reads the head.
    pub fn read(text: &'a str, path: impl Into<String>) -> Result<Self, Fault> {
        Self::read_renamed(text, path, |name| name)
    }

    /// As [`Fields::read`], for a protocol that takes a name in more than one spelling: `rename` makes them one.
    pub(crate) fn read_renamed(
        text: &'a str,
        path: impl Into<String>,
        rename: impl Fn(Cow<'a, str>) -> Cow<'a, str>,
    ) -> Result<Self, Fault> {
        let path = path.into();
        let mut members: Vec<Field<'a>> = Vec::new();
        let read = json::members(text.as_bytes(), |member| {
            if member.is_null() || members.len() >= MAX_ITEMS {
                return;
            }
            let (Some(value), Ok(name)) = (text.get(member.range()), own(member.key())) else { return };
            members.push(Field { name: rename(name), value, taken: Cell::new(false) });
        });
        match read {
            Ok(_) => Ok(Self { path, members }),
            Err(_) => Err(wrong(&path, "an object")),
        }
    }

    /// Where a member stands.
    pub fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Where the object stands.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A member's JSON text, taken.
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        let mut found = None;
        for field in self.members.iter().filter(|field| field.name == name) {
            field.taken.set(true);
            found = Some(field.value);
        }
        found
    }

    /// A member's JSON text, not taken.
    pub fn peek(&self, name: &str) -> Option<&'a str> {
        self.members.iter().rev().find(|field| field.name == name).map(|field| field.value)
    }

    /// Whether there is such a member.
    pub fn has(&self, name: &str) -> bool {
        self.peek(name).is_some()
    }

    /// A string.
    pub fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, Fault> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        json::string(value.as_bytes()).map(Some).ok_or_else(|| wrong(&self.at(name), "a string"))
    }

    /// A string that must be there.
    pub fn needed_text(&self, name: &str) -> Result<Cow<'a, str>, Fault> {
        self.text(name)?.ok_or_else(|| missing(&self.at(name)))
    }

    /// A number.
    pub fn number(&self, name: &str) -> Result<Option<f64>, Fault> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        match value.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(wrong(&self.at(name), "a number")),
        }
    }

    /// A whole number of zero or more; `3.0` counts.
    pub fn whole(&self, name: &str) -> Result<Option<u64>, Fault> {
        Ok(self.integer(name)?.map(|number| u64::try_from(number).unwrap_or(0)))
    }

    /// A whole number of any sign.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Fault> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
        match whole.parse() {
            Ok(number) if fraction.bytes().all(|b| b == b'0') => Ok(Some(number)),
            _ => Err(wrong(&self.at(name), "a whole number")),
        }
    }

    /// A truth value.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        json::boolean(value.as_bytes()).map(Some).ok_or_else(|| wrong(&self.at(name), "true or false"))
    }

    /// An object.
    pub fn object(&self, name: &str) -> Result<Option<Fields<'a>>, Fault> {
        self.raw(name).map(|value| Fields::read(value, self.at(name))).transpose()
    }

    /// The elements of a list, with the place of each.
    pub fn list(&self, name: &str) -> Result<Option<Vec<Item<'a>>>, Fault> {
        self.raw(name).map(|value| items(value, &self.at(name))).transpose()
    }

    /// The strings of a list.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Fault> {
        let Some(items) = self.list(name)? else { return Ok(None) };
        items.iter().map(|item| item.text().map(Cow::into_owned)).collect::<Result<_, _>>().map(Some)
    }

    /// Tells of each member that was not taken.
    pub fn rest(self, losses: &mut Losses) {
        for field in &self.members {
            if !field.taken.get() {
                losses.dropped(generic(&self.at(&field.name)));
            }
        }
    }

    /// The members that were not taken, which thereby are: names and JSON texts.
    pub fn others(&self) -> Vec<(&str, &'a str)> {
        let others = self.members.iter().filter(|field| !field.taken.replace(true));
        others.map(|field| (&*field.name, field.value)).collect()
    }
}

/// An element of a list and where it stands.
#[derive(Debug, Clone)]
pub struct Item<'a> {
    /// Its JSON text.
    pub raw: &'a str,
    /// Where it stands: `messages[2]`.
    pub path: String,
}

impl<'a> Item<'a> {
    /// Its members.
    pub fn fields(&self) -> Result<Fields<'a>, Fault> {
        Fields::read(self.raw, self.path.clone())
    }

    /// Its value, a string.
    pub fn text(&self) -> Result<Cow<'a, str>, Fault> {
        json::string(self.raw.as_bytes()).ok_or_else(|| wrong(&self.path, "a string"))
    }
}

/// The elements of a JSON list that stands at `path`.
pub fn items<'a>(text: &'a str, path: &str) -> Result<Vec<Item<'a>>, Fault> {
    let base = text.as_ptr() as usize;
    let mut list = Vec::new();
    let read = json::elements(text.as_bytes(), |element| {
        // Elements are parts of the text; only their place in it is asked for.
        let start = element.as_ptr() as usize - base;
        if list.len() < MAX_ITEMS
            && let Some(raw) = text.get(start..start + element.len())
        {
            let mut place = String::with_capacity(path.len() + 6);
            let _ = write!(place, "{path}[{}]", list.len());
            list.push(Item { raw, path: place });
        }
    });
    read.map_err(|_| wrong(path, "a list"))?;
    Ok(list)
}

/// The fault for a value of the wrong kind.
pub fn wrong(path: &str, wanted: &str) -> Fault {
    let place = if path.is_empty() { "body" } else { path };
    Fault::invalid(place.to_owned(), format!("'{place}' must be {wanted}."))
}

/// The fault for a value that is missing.
pub fn missing(path: &str) -> Fault {
    Fault::invalid(path.to_owned(), format!("'{path}' is missing."))
}

/// A place without the positions in lists: `messages[].name`. One report for a field is enough, however often it
/// stands in a request.
pub fn generic(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => {
                inside = true;
                out.push(c);
            }
            ']' => {
                inside = false;
                out.push(c);
            }
            _ if inside => {}
            _ => out.push(c),
        }
    }
    out
}

fn own(key: Cow<'_, [u8]>) -> Result<Cow<'_, str>, std::str::Utf8Error> {
    match key {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|error| error.utf8_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_taken_is_told() {
        let text = r#"{"a":1,"b":null,"c":[{"d":"x","e":9007199254740993}],"f":"y"}"#;
        let fields = Fields::read(text, "").unwrap();
        assert_eq!(fields.whole("a").unwrap(), Some(1));
        assert!(!fields.has("b"));
        let mut losses = Losses::default();
        for item in fields.list("c").unwrap().unwrap() {
            let inner = item.fields().unwrap();
            assert_eq!(inner.text("d").unwrap().as_deref(), Some("x"));
            assert_eq!(inner.peek("e"), Some("9007199254740993"));
            inner.rest(&mut losses);
        }
        fields.rest(&mut losses);
        assert_eq!(losses.to_string(), "dropped=c[].e,f");
    }

    #[test]
    fn faults_name_the_place() {
        let fields = Fields::read(r#"{"a":[{"b":1}],"n":-1.5}"#, "").unwrap();
        let list = fields.list("a").unwrap().unwrap();
        let inner = list[0].fields().unwrap();
        assert_eq!(inner.text("b").unwrap_err().param.as_deref(), Some("a[0].b"));
        assert_eq!(inner.needed_text("c").unwrap_err().param.as_deref(), Some("a[0].c"));
        assert_eq!(fields.whole("n").unwrap_err().param.as_deref(), Some("n"));
        assert_eq!(Fields::read("[]", "x").unwrap_err().param.as_deref(), Some("x"));
    }
}
