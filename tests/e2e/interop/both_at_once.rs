//! Proves: while ykman's library opens, uses and closes the card in quick succession – with the
//! exclusive access that it prefers, and a reset of the card at each end – every call of two
//! programs of oathd is answered and right: codes of time, codes of a shared counter (each count
//! given to exactly one of them), and credentials that come and go; and that a session of ykman
//! that stays open goes on across oathd's calls, and the reverse.
//! Does not prove: that neither is slowed down; what a program does that never lets go.

use oathd_client::{Client, Token};
use oathd_tests::world::{User, eventually};
use serde_json::json;

use super::case::Case;
use super::{Both, token};
use crate::dice::Dice;

#[tokio::test]
async fn short_sessions() {
    const ROUNDS: usize = 25;
    let mut both = Both::start().await;
    let mut dice = Dice::new();
    let (one, slow) = (Case::new("one", &mut dice), {
        Case {
            period: 60,
            digits: 8,
            ..Case::new("slow", &mut dice)
        }
    });
    let count = Case::hotp("count", 0, &mut dice);
    for case in [&one, &slow, &count] {
        both.token.add(&case.seed, &case.options()).await.unwrap();
    }
    let at = 1_700_000_000;
    both.peer.begin(&json!({
        "do": "rounds", "rounds": ROUNDS, "at": at,
        "codes": {one.id(): one.oathtool(at), slow.id(): slow.oathtool(at)},
        "counter": count.id(), "visitor": Case::new("theirs", &mut dice).json(),
    }));
    let second = token(&both.world).await;
    let visitor = Case::new("ours", &mut dice);
    let mut spent = Vec::new();
    let mut rounds = 0;
    let answer = loop {
        let (ours, others) = tokio::join!(
            calls(&both.token, &one, &count),
            calls(&second, &slow, &count)
        );
        spent.extend([ours, others]);
        stay(&both.token, &visitor).await;
        rounds += 1;
        if let Some(answer) = both.peer.answer() {
            break answer;
        }
    };
    assert!(rounds > 1, "nothing happened at once");
    assert_eq!(answer["ok"]["wrong"], json!([]), "{answer}");
    let theirs: Vec<String> = serde_json::from_value(answer["ok"]["spent"].clone()).unwrap();
    assert_eq!(theirs.len(), ROUNDS);
    spent.extend(theirs);
    let mut expected: Vec<String> = (0..spent.len() as u64)
        .map(|counter| count.oathtool(counter))
        .collect();
    expected.sort();
    spent.sort();
    assert_eq!(spent, expected);
    assert_eq!(both.ids().await, ["one", "60/slow", "count"]);
}

/// A code of time, checked, and one of the counter.
async fn calls(token: &Token, time: &Case, count: &Case) -> String {
    let code = token.code(&time.id(), false).await.unwrap();
    assert_eq!(code.code, time.oathtool(code.from));
    token.code(&count.id(), false).await.unwrap().code
}

/// A credential's whole life.
async fn stay(token: &Token, visitor: &Case) {
    let id = token.add(&visitor.seed, &visitor.options()).await.unwrap();
    let code = token.code(&id, false).await.unwrap();
    assert_eq!(code.code, visitor.oathtool(code.from));
    token.remove(&id).await.unwrap();
}

#[tokio::test]
async fn a_session_that_stays_open() {
    let mut both = Both::start().await;
    let mut dice = Dice::new();
    let (time, count) = (Case::new("me", &mut dice), Case::hotp("door", 0, &mut dice));
    for case in [&time, &count] {
        both.token.add(&case.seed, &case.options()).await.unwrap();
    }
    // Somebody else's handle makes ykman content with shared access.
    let mut other = both.hold("shared");
    let exclusive = both.peer.gives(&json!({"do": "hold"}));
    assert_eq!(exclusive, false);
    for counter in 0..6 {
        let code = both.token.code("me", false).await.unwrap();
        assert_eq!(code.code, time.oathtool(code.from));
        assert_eq!(both.peer.code("me", code.from), code.code);
        let code = match counter % 2 {
            0 => both.token.code("door", false).await.unwrap().code,
            _ => both.peer.code("door", 0),
        };
        assert_eq!(code, count.oathtool(counter));
    }
    both.peer.gives(&json!({"do": "release"}));
    other.close_input();
    other.wait().unwrap();
    let code = both.token.code("me", false).await.unwrap();
    assert_eq!(code.code, time.oathtool(code.from));
}

#[tokio::test]
async fn exclusive_access_is_waited_for() {
    let mut both = Both::start().await;
    let case = Case::new("me", &mut Dice::new());
    both.token.add(&case.seed, &case.options()).await.unwrap();
    // oathd keeps no handle between its calls, so that ykman gets what it prefers.
    let exclusively = async || {
        let exclusive = both.peer.gives(&json!({"do": "hold"})) == true;
        if !exclusive {
            both.peer.gives(&json!({"do": "release"}));
        }
        exclusive.then_some(())
    };
    eventually("exclusive access", exclusively).await.unwrap();
    let client = Client::with(both.world.connect(User::Root).await.unwrap());
    let waiting = client.token(both.token.path().clone());
    let mut waiting = tokio::spawn(async move { waiting.code("me", false).await });
    // The call is under way, and not answered before the card is free.
    let begun = async || both.busy().await.then_some(());
    eventually("waiting call", begun).await.unwrap();
    assert!(!waiting.is_finished());
    both.peer.gives(&json!({"do": "release"}));
    let code = (&mut waiting).await.unwrap().unwrap();
    assert_eq!(code.code, case.oathtool(code.from));
}

impl Both {
    /// A PC/SC program with a handle on the card.
    fn hold(&self, how: &str) -> oathd_tests::world::Process {
        let reader = oathd_tests::world::reader_name(0);
        let program = self.world.pcsc(&["hold", how, &reader]).unwrap();
        let mut holder = program.start("holder").unwrap();
        holder.until_logged("held").unwrap();
        holder
    }

    /// Whether oathd works with the token.
    async fn busy(&self) -> bool {
        let connection = self.world.connect(User::Root).await.unwrap();
        let proxy = zbus::Proxy::new(
            &connection,
            oathd_api::names::BUS_NAME,
            self.token.path().clone(),
            oathd_api::names::TOKEN_INTERFACE,
        );
        proxy.await.unwrap().get_property("Busy").await.unwrap()
    }
}
