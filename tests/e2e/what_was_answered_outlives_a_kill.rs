//! Proves: the program oathd, killed (`SIGKILL`) at a random moment among verifications and started
//! again, accepts nothing that it had accepted before, accepts what was under way at most once, keeps
//! the charge of every wrong code that it had answered, and has every success that it answered in its
//! trail, which is whole.
//! Does not prove: what a power cut does to the disk.
//!
//! `OATHD_KILL_ROUNDS` says how many times it is killed; 20 otherwise.

use std::fs;
use std::time::Duration;

use oathd_api::wire::verifier::VerifyOptions;
use oathd_client::{Client, Error, ErrorName};
use oathd_tests::world::{User, World};

use crate::dice::Dice;
use crate::holder::{Authenticator, SERVICE, enrol, lines, nothing};

const START: [&str; 2] = ["--config", "/run/oathd.conf"];

/// Wrong codes until the next one has to wait.
const FREE: usize = 4;

/// What somebody was told before oathd was gone, and what was still unanswered.
#[derive(Default)]
struct Told {
    accepted: Vec<String>,
    refused: usize,
    unanswered: Option<String>,
}

fn world() -> World {
    let world = World::new().unwrap();
    let realms = world.path("realms.d");
    fs::create_dir(&realms).unwrap();
    let realm = format!("realm = \"shop\"\nuid = {}\n", SERVICE.uid());
    fs::write(realms.join("shop.conf"), realm).unwrap();
    fs::write(world.path("oathd.conf"), "").unwrap();
    world
}

async fn client(world: &World, user: User) -> Client {
    Client::with(world.connect(user).await.unwrap()).without_interaction()
}

/// What oathd says of a response; `None` if it is gone before it says anything.
async fn verify(client: &Client, account: &str, response: &str) -> Option<Result<(), ErrorName>> {
    let options = VerifyOptions::default();
    match client.verifier().verify(account, response, &options).await {
        Ok(_) => Some(Ok(())),
        Err(Error::Oathd { name, .. }) => Some(Err(name)),
        Err(_) => None,
    }
}

/// Sends these responses until oathd is gone.
async fn send(
    client: Client,
    account: String,
    responses: impl Iterator<Item = String> + Send,
) -> Told {
    let mut told = Told::default();
    for response in responses {
        match verify(&client, &account, &response).await {
            Some(Ok(())) => told.accepted.push(response),
            Some(Err(name)) => {
                assert_eq!(name, ErrorName::WrongCode, "{response}");
                told.refused += 1;
            }
            None => {
                told.unanswered = Some(response);
                break;
            }
        }
    }
    told
}

/// Whether a code that may have been looked at before is accepted, and then never again.
async fn accepted_once(client: &Client, account: &str, response: &str) -> bool {
    let first = verify(client, account, response).await.unwrap().is_ok();
    let again = verify(client, account, response).await.unwrap();
    assert_eq!(again, Err(ErrorName::CodeUsed), "{response}");
    first
}

#[expect(clippy::print_stdout, reason = "how much ran is told")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_any_moment() {
    let rounds = std::env::var("OATHD_KILL_ROUNDS").map_or(20, |text| text.parse().unwrap());
    let (mut world, mut dice) = (world(), Dice::new());
    world.start_oathd(&START).unwrap();
    let (mut answered, mut cut_short, mut late) = (0, 0, 0);
    for round in 0..rounds {
        let service = client(&world, SERVICE).await;
        let [ada, bob] = ["ada", "bob"].map(|name| format!("{name}{round}@shop"));
        let (mut authenticator, confirmed) = enrol(&service, &ada, nothing()).await;
        let recovery = lines(confirmed.recovery_codes.as_ref());
        let (other, _): (Authenticator, _) = enrol(&service, &bob, nothing()).await;
        let wrong = other.wrong();

        let codes = std::iter::repeat_with(move || authenticator.next());
        let (first, second) = (client(&world, SERVICE).await, client(&world, SERVICE).await);
        let codes = tokio::spawn(send(first, ada.clone(), codes));
        let recovery = tokio::spawn(send(second, ada.clone(), recovery.into_iter()));
        let guesses = vec![wrong.clone(); FREE - 1].into_iter();
        let guesses = tokio::spawn(send(service, bob.clone(), guesses));
        // A disk too slow for an answer in that time gets more of it.
        let most = if answered > 0 {
            30_000
        } else {
            30_000 * (round + 1)
        };
        tokio::time::sleep(Duration::from_micros(dice.number() % most)).await;
        world.oathd().unwrap().kill().unwrap();
        let (codes, recovery) = (codes.await.unwrap(), recovery.await.unwrap());
        let guesses = guesses.await.unwrap();
        world.start_oathd(&START).unwrap();

        let service = client(&world, SERVICE).await;
        for told in [&codes, &recovery] {
            // Of the codes that count only the last one is told apart from wrong ones.
            for response in told.accepted.iter().rev().take(FREE / 2) {
                let answer = verify(&service, &ada, response).await.unwrap();
                let refusals = [ErrorName::CodeUsed, ErrorName::WrongCode];
                assert!(refusals.contains(&answer.unwrap_err()), "{response}");
            }
            if let Some(response) = &told.unanswered {
                late += usize::from(accepted_once(&service, &ada, response).await);
                cut_short += 1;
            }
            answered += told.accepted.len();
        }
        let mut left = 0;
        while verify(&service, &bob, &wrong).await == Some(Err(ErrorName::WrongCode)) {
            left += 1;
        }
        let charged = FREE - left;
        let unanswered = usize::from(guesses.unanswered.is_some());
        let possible = guesses.refused..=guesses.refused + unanswered;
        assert!(possible.contains(&charged), "{charged}, {possible:?}");
    }

    let administration = client(&world, User::Root).await.administration();
    let verdict = administration.verify_audit().await.unwrap();
    assert!(verdict.whole, "{verdict:?}");
    let (mut after, mut verified) = (0, 0);
    loop {
        let entries = administration.audit(after, 1_000).await.unwrap();
        let Some(last) = entries.last() else { break };
        after = last.seq;
        verified += entries
            .iter()
            .filter(|entry| entry.event == "verified")
            .count();
    }
    println!("{rounds} kills: {answered} answered, {cut_short} cut short, {late} of those undone");
    assert!(answered > 0 && cut_short > 0);
    // What was cut short was either kept before its answer, or accepted afterwards.
    assert_eq!(verified, answered + cut_short);
}
