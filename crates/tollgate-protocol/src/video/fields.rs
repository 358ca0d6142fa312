//! Reading a request's fields: types and bounds checked, errors that name the field by its way.

use crate::fault::Fault;
use crate::head::malformed;
use crate::json;
use std::borrow::Cow;

/// An object of a request. A member that is `null` counts as absent, one that is there twice is refused.
#[derive(Debug)]
pub struct Object<'a> {
    /// The way to it, with a dot at its end; empty for the body itself.
    way: String,
    members: Vec<(Cow<'a, [u8]>, &'a [u8])>,
}

impl<'a> Object<'a> {
    /// A request's body.
    pub fn body(text: &'a [u8]) -> Result<Self, Fault> {
        let mut object = Self { way: String::new(), members: Vec::new() };
        json::object(text, |member| object.members.push((member.key(), member.value)))
            .map_err(|error| malformed(&error))?;
        object.unique()
    }

    /// An object somewhere inside; `way` names it.
    pub fn inside(text: &'a [u8], way: String) -> Result<Self, Fault> {
        let mut object = Self { way: format!("{way}."), members: Vec::new() };
        json::members(text, |member| object.members.push((member.key(), member.value))).map_err(|_| {
            let message = format!("'{way}' must be an object.");
            Fault::invalid(way, message)
        })?;
        object.unique()
    }

    fn unique(self) -> Result<Self, Fault> {
        let mut names: Vec<&[u8]> = self.members.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        let twice = names.windows(2).find_map(|pair| match pair {
            [a, b] if a == b => Some(String::from_utf8_lossy(a).into_owned()),
            _ => None,
        });
        match twice {
            Some(name) => Err(self.wrong(&name, "is given twice")),
            None => Ok(self),
        }
    }

    /// The way to a member.
    pub fn field(&self, name: &str) -> String {
        let shown: String = name.chars().take(64).collect();
        format!("{}{shown}", self.way)
    }

    /// The fault for a member: its way, and what is wrong with it.
    pub fn wrong(&self, name: &str, what: &str) -> Fault {
        let field = self.field(name);
        let message = format!("'{field}' {what}.");
        Fault::invalid(field, message)
    }

    /// Names of the members that are there.
    pub fn names(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let there = self.members.iter().filter(|(_, value)| *value != b"null");
        there.map(|(name, _)| String::from_utf8_lossy(name))
    }

    /// A member's value as it is written.
    pub fn raw(&self, name: &str) -> Option<&'a [u8]> {
        let found = self.members.iter().find(|(own, _)| own.as_ref() == name.as_bytes());
        found.map(|(_, value)| *value).filter(|value| *value != b"null")
    }

    /// Whether it is there.
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, Fault> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        json::string(value).map(Some).ok_or_else(|| self.wrong(name, "must be a string"))
    }

    /// A text of at most so many characters.
    pub fn short(&self, name: &str, most: usize) -> Result<Option<Cow<'a, str>>, Fault> {
        let text = self.text(name)?;
        if text.as_ref().is_some_and(|text| text.chars().count() > most) {
            return Err(self.wrong(name, &format!("may have at most {most} characters")));
        }
        Ok(text)
    }

    /// A text that must be there and not be empty.
    pub fn needed(&self, name: &str) -> Result<Cow<'a, str>, Fault> {
        match self.text(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            Some(_) => Err(self.wrong(name, "must not be empty")),
            None => Err(Fault::invalid(self.field(name), format!("You must give '{}'.", self.field(name)))),
        }
    }

    /// One of a few words.
    pub fn word(&self, name: &str, words: &[&str]) -> Result<Option<Cow<'a, str>>, Fault> {
        let text = self.text(name)?;
        if text.as_ref().is_some_and(|text| !words.contains(&text.as_ref())) {
            return Err(self.wrong(name, &format!("must be one of {}", words.join(", "))));
        }
        Ok(text)
    }

    /// A whole number within bounds.
    pub fn whole(&self, name: &str, from: i64, to: i64) -> Result<Option<i64>, Fault> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        let number = std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok());
        match number {
            Some(number) if (from..=to).contains(&number) => Ok(Some(number)),
            _ => Err(self.wrong(name, &format!("must be a whole number from {from} to {to}"))),
        }
    }

    /// A number within bounds.
    pub fn number(&self, name: &str, from: f64, to: f64) -> Result<Option<f64>, Fault> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        let number = std::str::from_utf8(value).ok().and_then(|text| text.parse::<f64>().ok());
        match number {
            Some(number) if (from..=to).contains(&number) && value.first() != Some(&b'"') => Ok(Some(number)),
            _ => Err(self.wrong(name, &format!("must be a number from {from} to {to}"))),
        }
    }

    /// `true` or `false`.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        json::boolean(value).map(Some).ok_or_else(|| self.wrong(name, "must be true or false"))
    }

    /// An object.
    pub fn object(&self, name: &str) -> Result<Option<Self>, Fault> {
        self.raw(name).map(|value| Self::inside(value, self.field(name))).transpose()
    }

    /// The objects of a list of at most so many.
    pub fn objects(&self, name: &str, most: usize) -> Result<Option<Vec<Self>>, Fault> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        let mut elements = Vec::new();
        json::elements(value, |element| elements.push(element)).map_err(|_| self.wrong(name, "must be a list"))?;
        if elements.len() > most {
            return Err(self.wrong(name, &format!("may have at most {most} elements")));
        }
        let way = |index: usize| format!("{}[{index}]", self.field(name));
        let objects = elements.into_iter().enumerate().map(|(index, element)| Self::inside(element, way(index)));
        objects.collect::<Result<_, _>>().map(Some)
    }
}

/// Whether a text is an `http` or `https` URL, by its beginning.
pub fn is_url(text: &str) -> bool {
    let begins = |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    (begins("https://") || begins("http://")) && !text.bytes().any(|byte| byte.is_ascii_control() || byte == b' ')
}

/// The fault for two fields that exclude each other.
pub fn exclude(a: &str, b: &str) -> Fault {
    Fault::invalid(b.to_owned(), format!("'{a}' and '{b}' exclude each other."))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_field() {
        let body = br#"{"a":1,"t":"x","n":null,"l":[{"r":"q"},{"r":2}],"o":{"f":1.5,"b":"true"}}"#;
        let body = Object::body(body).unwrap();
        let param = |fault: Fault| fault.param.unwrap().into_owned();
        assert_eq!(param(body.text("a").unwrap_err()), "a");
        assert_eq!(body.text("n").unwrap(), None);
        assert_eq!(param(body.needed("n").unwrap_err()), "n");
        assert_eq!(param(body.whole("t", 0, 9).unwrap_err()), "t");
        assert_eq!(body.whole("a", 0, 9).unwrap(), Some(1));
        assert_eq!(param(body.whole("a", 2, 9).unwrap_err()), "a");
        let list = body.objects("l", 2).unwrap().unwrap();
        assert_eq!(list[0].word("r", &["q"]).unwrap().unwrap(), "q");
        assert_eq!(param(list[1].word("r", &["q"]).unwrap_err()), "l[1].r");
        assert_eq!(param(body.objects("l", 1).unwrap_err()), "l");
        assert_eq!(param(body.objects("o", 1).unwrap_err()), "o");
        let inner = body.object("o").unwrap().unwrap();
        assert_eq!(inner.number("f", 0.0, 2.0).unwrap(), Some(1.5));
        assert_eq!(param(inner.flag("b").unwrap_err()), "o.b");
        assert_eq!(param(Object::body(br#"{"a":1,"\u0061":2}"#).unwrap_err()), "a");
        assert_eq!(Object::body(b"[").unwrap_err().code, "invalid_json");
    }

    #[test]
    fn urls_by_their_beginning() {
        assert!(is_url("https://x.example/a") && is_url("HTTP://x"));
        assert!(!is_url("data:image/png;base64,") && !is_url("https") && !is_url("https://a b") && !is_url("é"));
    }
}
