//! Header lines in the order they came.
//!
//! A message has a handful of them and each is looked at a few times: a flat list is read faster than a hash map is
//! built. The door bounds their number.

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Header lines; names in lower case, repeated names allowed.
#[derive(Debug, Clone, Default)]
pub struct Lines(Vec<(HeaderName, HeaderValue)>);

impl Lines {
    /// None, with room for some.
    pub fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    /// Adds a line.
    pub fn push(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.push((name, value));
    }

    /// Sets the only line of a name.
    pub fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.retain(|(other, _)| *other != name);
        self.0.push((name, value));
    }

    /// The first value of a name.
    pub fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// The first value of a name, if it is readable as text.
    pub fn text(&self, name: &HeaderName) -> Option<&str> {
        self.get(name)?.to_str().ok()
    }

    /// All values of a name.
    pub fn all<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a HeaderValue> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value)
    }

    /// Whether there is a line of that name.
    pub fn contains(&self, name: &HeaderName) -> bool {
        self.get(name).is_some()
    }

    /// All lines.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// Appends the lines as they stand on the wire, without the empty line.
    pub fn write(&self, out: &mut BytesMut) {
        for (name, value) in self.iter() {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

impl From<HeaderMap> for Lines {
    fn from(map: HeaderMap) -> Self {
        let mut lines = Self::with_capacity(map.len());
        let mut last: Option<HeaderName> = None;
        for (name, value) in map {
            // A map names a repeated line only once.
            if name.is_some() {
                last = name;
            }
            if let Some(name) = &last {
                lines.push(name.clone(), value);
            }
        }
        lines
    }
}

impl From<Lines> for HeaderMap {
    fn from(lines: Lines) -> Self {
        let mut map = Self::with_capacity(lines.0.len());
        for (name, value) in lines.0 {
            map.append(name, value);
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header;

    #[test]
    fn survive_the_map_and_the_wire() {
        let mut lines = Lines::default();
        lines.push(header::VIA, HeaderValue::from_static("a"));
        lines.push(header::VIA, HeaderValue::from_static("b"));
        lines.set(header::AGE, HeaderValue::from_static("1"));
        lines.set(header::AGE, HeaderValue::from_static("2"));
        let back = Lines::from(HeaderMap::from(lines));
        assert_eq!(back.all(&header::VIA).count(), 2);
        assert_eq!(back.text(&header::AGE), Some("2"));
        let mut wire = BytesMut::new();
        back.write(&mut wire);
        assert_eq!(wire, "via: a\r\nvia: b\r\nage: 2\r\n");
    }
}
