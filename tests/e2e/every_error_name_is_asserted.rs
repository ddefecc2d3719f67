//! Proves: each name in the table of errors occurs in the code of some end-to-end test, so that a
//! new error does not come without one.
//! Does not prove: that the test asserts it where it should.

use std::fs;
use std::path::Path;

use oathd_api::ErrorName;

/// The code of all tests below `folder` but this one, without comments.
fn code(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text.push_str(&code(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with(file!().rsplit('/').next().unwrap())
        {
            for line in fs::read_to_string(&path).unwrap().lines() {
                if !line.trim_start().starts_with("//") {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
    }
    text
}

/// The names that `code` mentions in no way of mentioning one.
fn missing(code: &str) -> Vec<&'static str> {
    let names = ErrorName::ALL.iter().map(|name| name.as_str());
    let missing = names.filter(|name| {
        let whole = |(at, _): (usize, &str)| {
            let end = code[at + name.len()..].chars().next();
            let start = code[..at].chars().next_back();
            ![start, end]
                .into_iter()
                .flatten()
                .any(|next| next.is_alphanumeric() || next == '_')
        };
        !code.match_indices(name).any(whole)
    });
    missing.collect()
}

#[test]
fn none_is_forgotten() {
    let all = code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e"));
    assert_eq!(missing(&all), [""; 0]);
}

#[test]
fn a_forgotten_one_is_seen() {
    let names: Vec<_> = ErrorName::ALL.iter().map(|name| name.as_str()).collect();
    assert_eq!(missing(&names[1..].join("\" \"")), names[..1]);
    assert_eq!(missing(&names.join("x ")), names[..names.len() - 1]);
}
