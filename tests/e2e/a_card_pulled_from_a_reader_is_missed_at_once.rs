//! Proves, with the real pcscd: a card that leaves its reader at any command of a call, or while
//! it waits for a touch, ends the call with `TokenRemoved`, and a program that watches is told; put
//! back it is served again; oathctl ends with status 69, and with 69 too where a card answers
//! nonsense.
//! Does not prove: that each reader's driver reports a removal as this one does.

use oathd_client::{Client, Error, ErrorName, Token};
use oathd_tests::world::{CardSetup, User, World, eventually};

use crate::desk::{SEED, cause, meanwhile, named, touched};

/// More commands than any call here sends.
const MOST: u32 = 12;

async fn world() -> (World, Client) {
    let mut world = World::new().unwrap();
    world.start_pcscd().unwrap();
    let setup = CardSetup {
        touch: "manual",
        ..CardSetup::default()
    };
    world.insert_card(setup).unwrap();
    world.start_oathd(&[]).unwrap();
    let client = Client::with(world.connect(User::Root).await.unwrap()).without_interaction();
    (world, client)
}

async fn token(client: &Client) -> Token {
    let find = async || client.find_token("").await.ok();
    eventually("the token", find).await.unwrap()
}

/// Arms a fault, and waits until the card has taken note.
fn arm(world: &mut World, fault: &str) {
    let process = world.card(0).process();
    let counted = |log: String| log.matches("commands ").count();
    let before = counted(process.log());
    process.say(&format!("fault {fault}")).unwrap();
    // The card reads one line after the other.
    process.say("count").unwrap();
    let noted = || Ok((counted(process.log()) > before).then_some(()));
    oathd_tests::world::until("the fault", noted).unwrap();
}

/// Waits until the card is out, and puts it back.
async fn put_back(world: &mut World, client: &Client) -> Token {
    let missed = async || client.find_token("").await.err();
    let error = eventually("the missing token", missed).await.unwrap();
    assert!(error.is(ErrorName::NoToken), "{error:?}");
    world.until_card(0, false).unwrap();
    world.card(0).insert().unwrap();
    token(client).await
}

async fn pull_everywhere(call: impl AsyncFn(&Token, u32) -> Result<(), Error>) {
    let (mut world, client) = world().await;
    token(&client)
        .await
        .add(SEED, &named("mail"))
        .await
        .unwrap();
    for number in 0.. {
        assert!(number < MOST, "the call does not end");
        let here = token(&client).await;
        arm(&mut world, &format!("unplug-after={number}"));
        match call(&here, number).await {
            Ok(()) => {
                assert!(number >= 2);
                return;
            }
            refused => assert_eq!(cause(refused), ErrorName::TokenRemoved, "{number}"),
        }
        put_back(&mut world, &client)
            .await
            .code("mail", false)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn during_a_list() {
    pull_everywhere(async |token, _| token.credentials(false).await.map(drop)).await;
}

#[tokio::test]
async fn during_a_code() {
    pull_everywhere(async |token, _| token.code("mail", false).await.map(drop)).await;
}

#[tokio::test]
async fn during_an_addition() {
    let add = async |token: &Token, number| {
        let name = format!("account {number}");
        token.add(SEED, &named(&name)).await.map(drop)
    };
    pull_everywhere(add).await;
}

#[tokio::test]
async fn during_a_wait_for_a_touch() {
    let (mut world, client) = world().await;
    let here = token(&client).await;
    here.add(SEED, &touched("mail")).await.unwrap();
    let code = here.code("mail", true);
    tokio::pin!(code);
    let awaited = async || {
        let log = world.card(0).process().log();
        log.contains("touch-awaited").then_some(())
    };
    meanwhile(&mut code, eventually("the wait for a touch", awaited))
        .await
        .unwrap();
    world.card(0).remove().unwrap();
    assert_eq!(cause(code.await), ErrorName::TokenRemoved);
    let listed = put_back(&mut world, &client).await.credentials(false).await;
    assert_eq!(listed.unwrap().len(), 1);
}

#[tokio::test]
async fn and_oathctl_says_so() {
    let (mut world, client) = world().await;
    token(&client)
        .await
        .add(SEED, &named("mail"))
        .await
        .unwrap();
    let run = |world: &World, line: &[&str]| {
        let program = world.built("oathctl").unwrap().arguments(line);
        let output = program.input("GEZDGNBVGY3TQOJQ\n").run().unwrap();
        let told: serde_json::Value = serde_json::from_str(output.texts().0).unwrap();
        let name = told["error"]["name"].as_str().unwrap_or_default();
        (output.status.code().unwrap(), name.to_owned())
    };
    let removed = (69, "TokenRemoved".to_owned());
    for line in [
        ["add", "more", "--json"],
        ["info", "--json", "--no-interaction"],
    ] {
        arm(&mut world, "unplug-after=1");
        assert_eq!(run(&world, &line), removed, "{line:?}");
        put_back(&mut world, &client).await;
        arm(&mut world, "answer=2:6f00");
        assert_eq!(
            run(&world, &line),
            (69, "TokenFault".to_owned()),
            "{line:?}"
        );
    }
    for line in [["list", "--json"], ["code", "--json"]] {
        arm(&mut world, "unplug-after=1");
        let (status, name) = run(&world, &line);
        assert_eq!((status, name), removed, "{line:?}");
        put_back(&mut world, &client).await;
    }
    assert_eq!(run(&world, &["code", "--single", "mail", "--json"]).0, 0);
}
