//! Proves: a card of firmware 5.7 takes 64 credentials with the longest names, half from ykman's
//! library and half from oathd, though neither listing fits into one answer; both list and compute
//! all of them alike, in the same order; the 65th is refused to both; a freed slot serves either.
//! Does not prove: how many APDUs that takes.

use oathd_client::ErrorName;
use serde_json::{Value, json};

use super::case::Case;
use super::{Both, assert_fails};
use crate::dice::Dice;

#[tokio::test]
async fn a_full_card() {
    let mut both = Both::start().await;
    let mut dice = Dice::new();
    let cases: Vec<Case> = (0..65)
        .map(|n| Case::new(&format!("{n:02} {}", "n".repeat(61)), &mut dice))
        .collect();
    let theirs: Vec<Value> = cases[..32].iter().map(Case::json).collect();
    both.peer.gives(&json!({"do": "put", "cases": theirs}));
    for case in &cases[32..64] {
        both.token.add(&case.seed, &case.options()).await.unwrap();
    }
    let (last, one) = (&cases[64], &cases[7]);
    let add = both.token.add(&last.seed, &last.options()).await;
    assert_fails(add, ErrorName::TokenFull);
    let put = json!({"do": "put", "cases": [last.json()]});
    assert_eq!(both.peer.refuses(&put), "6a84");

    let ids: Vec<String> = cases[..64].iter().map(Case::id).collect();
    assert_eq!(both.ids().await, ids);
    let listed = both.peer.gives(&json!({"do": "list"}));
    assert!(listed.as_object().unwrap().keys().eq(&ids));
    let rows = both.token.codes(false).await.unwrap();
    let all = both
        .peer
        .gives(&json!({"do": "all", "at": rows[0].from.unwrap()}));
    assert_eq!(rows.len(), 64);
    for (row, case) in rows.iter().zip(&cases) {
        let code = row.code.as_deref().unwrap();
        assert_eq!((&row.id, &row.from), (&case.id(), &rows[0].from));
        assert_eq!(all[&row.id], code);
        assert_eq!(code, case.oathtool(row.from.unwrap()));
    }

    both.token.remove(&one.id()).await.unwrap();
    both.peer.gives(&put);
    let code = both.token.code(&last.id(), false).await.unwrap();
    assert_eq!(code.code, last.oathtool(code.from));
    both.peer.gives(&json!({"do": "delete", "id": last.id()}));
    both.token.add(&one.seed, &one.options()).await.unwrap();
    assert_eq!(
        both.peer.code(&one.id(), code.from),
        one.oathtool(code.from)
    );
}
