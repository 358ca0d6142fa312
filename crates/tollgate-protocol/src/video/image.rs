//! What a picture's first bytes say it is.

/// The content type of a picture in one of the three forms that every vendor takes; `None` for anything else.
pub fn content_type(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn three_forms() {
        assert_eq!(super::content_type(b"\x89PNG\r\n\x1a\n...."), Some("image/png"));
        assert_eq!(super::content_type(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        assert_eq!(super::content_type(b"RIFF....WEBPVP8 "), Some("image/webp"));
        assert_eq!((super::content_type(b"GIF89a"), super::content_type(b"")), (None, None));
    }
}
