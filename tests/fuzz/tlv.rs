//! Fields of answers.

use oathd_token::tlv::{fields, push};

/// Reads `bytes` as fields. What was read before the first error is what writing it again gives,
/// and nothing comes after an error.
pub fn tlv(bytes: &[u8]) {
    let read: Vec<_> = fields(bytes).collect();
    let sound = read.iter().take_while(|field| field.is_ok()).count();
    assert!(read.len() - sound <= 1, "fields after an error: {read:?}");

    let mut written = Vec::new();
    for (tag, value) in read.iter().flatten() {
        push(&mut written, *tag, value);
    }
    assert!(written.len() <= bytes.len(), "a length was written long");
    let again: Vec<_> = fields(&written).collect();
    assert_eq!(again, read[..sound]);

    if let Some(Ok((tag, value))) = read.first() {
        assert_eq!(fields(bytes).expect(*tag), Ok(*value));
        assert!(fields(bytes).expect(!tag).is_err());
    }
}
