use super::*;

/// One row of `GenerateCodes`.
pub(in crate::watch) fn code_row(
    issuer: &str,
    name: &str,
    code: Option<(&str, u64)>,
    reason: Option<&str>,
) -> CodeRow {
    CodeRow {
        id: format!("{issuer}:{name}"),
        issuer: Some(issuer.into()),
        name: name.into(),
        kind: if reason == Some("hotp") {
            "hotp"
        } else {
            "totp"
        }
        .into(),
        period: Some(30),
        code: code.map(|(code, _)| code.into()),
        from: code.map(|(_, until)| until - 30),
        until: code.map(|(_, until)| until),
        reason: reason.map(str::to_owned),
    }
}

pub(in crate::watch) fn codes(token: &str, rows: Vec<CodeRow>) -> Update {
    Update::Codes {
        token: token.into(),
        name: format!("YubiKey 5 NFC {token}"),
        codes: Ok(rows),
    }
}

fn model() -> Model {
    let mut model = Model::default();
    let rows = vec![
        code_row("GitHub", "me", Some(("123456", 60)), None),
        code_row("GitLab", "me", None, Some("TouchRequired")),
        code_row("Bank", "me", None, Some("hotp")),
    ];
    model.apply(codes("1", rows), 31);
    model
}

fn touched(code: &str, until: u64) -> Update {
    Update::Code {
        token: "1".into(),
        id: "GitLab:me".into(),
        code: Ok(CodeRecord {
            code: code.into(),
            from: until - 30,
            until: Some(until),
        }),
    }
}

#[test]
fn a_token_is_asked_once_when_a_code_of_its_is_over() {
    let mut model = model();
    assert!(model.due(59).is_empty());
    assert_eq!(model.due(60), ["1"]);
    assert!(model.due(61).is_empty());
    let rows = vec![code_row("GitHub", "me", Some(("654321", 90)), None)];
    model.apply(codes("1", rows), 61);
    assert!(model.due(89).is_empty());
    assert_eq!(model.due(90), ["1"]);
}

#[test]
fn a_clock_that_disagrees_does_not_make_it_ask_forever() {
    let mut model = Model::default();
    let rows = vec![code_row("GitHub", "me", Some(("123456", 60)), None)];
    model.apply(codes("1", rows), 1000);
    assert!(model.due(1000).is_empty());
    assert!(!model.moves(1000));
}

#[test]
fn a_touched_code_stays_for_its_time_and_over_a_refresh() {
    let mut model = model();
    model.apply(touched("777777", 60), 40);
    let rows = vec![code_row("GitLab", "me", None, Some("TouchRequired"))];
    model.apply(codes("1", rows), 41);
    assert!(matches!(&model.tokens[0].rows[0].state, State::Code { code, .. } if code == "777777"));
    model.expire(59);
    assert!(model.moves(59));
    model.expire(60);
    assert_eq!(model.tokens[0].rows[0].state, State::Touch);
    assert!(model.due(60).is_empty());
}

#[test]
fn enter_computes_what_has_no_code_of_its_own() {
    let mut model = model();
    assert_eq!(model.press(Key::Enter), Wish::Nothing);
    model.press(Key::Down);
    let wish = |id: &str| Wish::Code {
        token: "1".into(),
        id: id.into(),
    };
    assert_eq!(model.press(Key::Enter), wish("GitLab:me"));
    model.press(Key::Letter('j'));
    assert_eq!(model.press(Key::Enter), wish("Bank:me"));
    model.press(Key::PageDown);
    assert_eq!(model.selected, 2);
    model.press(Key::PageUp);
    assert_eq!(model.selected, 0);
}

#[test]
fn typing_filters_and_escape_ends_it() {
    let mut model = model();
    model.press(Key::Letter('/'));
    for letter in "LAB".chars() {
        assert_eq!(model.press(Key::Letter(letter)), Wish::Nothing);
    }
    assert_eq!(model.visible(), [(0, 1)]);
    assert_eq!(model.press(Key::Letter('q')), Wish::Nothing);
    assert!(model.visible().is_empty());
    assert_eq!(model.press(Key::Enter), Wish::Nothing);
    assert_eq!(model.press(Key::Enter), Wish::Nothing);
    model.press(Key::Escape);
    assert_eq!(model.visible().len(), 3);
    assert_eq!(model.press(Key::Letter('q')), Wish::Quit);
}

#[test]
fn a_token_that_is_gone_takes_its_rows_along() {
    let mut model = model();
    model.press(Key::PageDown);
    model.apply(Update::Removed("1".into()), 40);
    assert!(model.visible().is_empty());
    assert_eq!(model.selected, 0);
    assert_eq!(model.press(Key::Enter), Wish::Nothing);
    assert_eq!(model.notice.as_deref(), Some(NO_TOKEN));
    model.apply(touched("777777", 60), 40);
    model.apply(Update::Empty("oathd has ended.".into()), 40);
    assert_eq!(model.notice.as_deref(), Some("oathd has ended."));
}
