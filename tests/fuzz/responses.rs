//! What is typed at the code prompt.

use oathd_core::{Account, Admission, CallerClass, Moment, Response};

/// Classifies a text. Codes are of their length, and are the same codes however they are written;
/// what is no code costs no attempt.
pub fn responses(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let response = Response::classify(text);
    let padded = Response::classify(&format!(" {text}\n"));
    assert_eq!(kind(&response), kind(&padded));
    match &response {
        Response::Digits(digits) => assert!((6..=8).contains(&digits.count())),
        Response::Pair(first, second) => assert_eq!(first.count(), second.count()),
        Response::Recovery(code) => {
            let printed = code.reveal();
            for written in [printed.to_string(), plain(&printed), printed.to_lowercase()] {
                match Response::classify(&written) {
                    Response::Recovery(same) => assert_eq!(*same.reveal(), *printed),
                    other => panic!("{other:?}"),
                }
            }
        }
        Response::Bypass(code) => {
            let printed = code.reveal();
            for written in [printed.to_string(), plain(&printed), printed.to_lowercase()] {
                match Response::classify(&written) {
                    Response::Bypass(same) => assert_eq!(*same.reveal(), *printed),
                    other => panic!("{other:?}"),
                }
            }
        }
        Response::Typo | Response::Help | Response::Malformed => {}
    }
    let is_code = !matches!(
        response,
        Response::Typo | Response::Help | Response::Malformed
    );
    let mut account = Account::decoy("nobody".parse().unwrap());
    let before = account.clone();
    let admission = account.admit(CallerClass::Remote, response, Moment::at(1_700_000_000));
    assert_eq!(matches!(admission, Admission::Admitted(_)), is_code);
    assert_eq!(account != before, is_code);
}

fn plain(printed: &str) -> String {
    printed.replace('-', "")
}

/// Which kind of response it is.
fn kind(response: &Response) -> std::mem::Discriminant<Response> {
    std::mem::discriminant(response)
}
