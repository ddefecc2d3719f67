//! Proves: once a seed is on its token, or was refused, neither it nor an otpauth address that held it is
//! in the memory of oathd; nor is a password once its key is derived.
//! Does not prove: that what the kernel held of them, in sockets and memory files, is wiped.

use std::fs;
use std::os::unix::fs::FileExt;

use data_encoding::{BASE32_NOPAD, HEXLOWER_PERMISSIVE};
use oathd_client::{Client, ErrorName, ImportOptions};
use oathd_tests::world::{CardSetup, User, World, eventually};
use serde_json::Value;

use crate::canaries::Canaries;
use crate::desk::{cause, named};
use crate::dice::Dice;

/// All that the process may write to.
fn memory(pid: u32) -> Vec<u8> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let memory = fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut all = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let (from, to) = (number(from), number(to));
        let mut part = vec![0; usize::try_from(to - from).unwrap()];
        // A page that was given back meanwhile holds nothing.
        if memory.read_exact_at(&mut part, from).is_ok() {
            all.extend(part);
        }
    }
    all
}

#[tokio::test]
async fn nor_a_password() {
    let mut world = World::new().unwrap();
    world.start_pcscd().unwrap();
    let card = CardSetup::default();
    let kept = format!("cards/{}.json", card.serial);
    world.insert_card(card).unwrap();
    let arguments = ["--bus", "system", "--state", "/run/state"];
    let oathd = world.built("oathd").unwrap().arguments(&arguments);
    let oathd = oathd.user(User::Oathd).start("oathd").unwrap();
    let client = Client::with(world.connect(User::Root).await.unwrap());
    let found = async || client.find_token("").await.ok();
    let token = eventually("token", found).await.unwrap();

    let (mut canaries, mut dice) = (Canaries::default(), Dice::new());
    let mut seed = |what: &str| canaries.seed(what, &mut dice);
    let [added, refused, address, broken] =
        ["added", "refused", "address", "broken"].map(&mut seed);
    let raw = |seed: &str| BASE32_NOPAD.decode(seed.as_bytes()).unwrap();
    token.add(&raw(&added), &named("mail")).await.unwrap();
    let again = token.add(&raw(&refused), &named("mail")).await;
    assert_eq!(cause(again), ErrorName::CredentialExists);
    let options = ImportOptions::default();
    let uri = format!("otpauth://totp/uri?secret={address}");
    token.import_uri(&uri, &options).await.unwrap();
    let uri = format!("otpauth://totp/uri?secret={broken}&period=none");
    assert_eq!(
        cause(token.import_uri(&uri, &options).await),
        ErrorName::InvalidUri
    );

    let mut password = |what: &str| canaries.password(what, &mut dice);
    let [right, wrong] = ["right", "wrong"].map(&mut password);
    token.set_password(right.as_bytes(), false).await.unwrap();
    let unlocked = token.unlock(wrong.as_bytes(), false).await;
    assert_eq!(cause(unlocked), ErrorName::WrongPassword);
    token.unlock(right.as_bytes(), false).await.unwrap();

    let card: Value = serde_json::from_slice(&fs::read(world.path(&kept)).unwrap()).unwrap();
    let key = card["access"]["key"].as_str().unwrap().as_bytes();
    let mut held = Canaries::default();
    held.add("access key", HEXLOWER_PERMISSIVE.decode(key).unwrap());

    // What is held is seen: this is where to look.
    token.credentials(false).await.unwrap();
    let all = memory(oathd.pid());
    assert_eq!(held.found_in(&all), ["access key as it is"]);
    assert_eq!(canaries.found_in(&all), [""; 0]);
    token.lock(true).await.unwrap();
    assert_eq!(
        cause(token.credentials(false).await),
        ErrorName::PasswordRequired
    );
    assert_eq!(held.found_in(&memory(oathd.pid())), [""; 0]);
}
