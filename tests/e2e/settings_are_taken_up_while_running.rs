//! Proves: SIGHUP makes oathd read its settings again and follow them, tokens included; a file that
//! cannot be read changes nothing.
//! Does not prove: the log filter, which is read once.

use std::fs;

use oathd_api::ErrorName;
use oathd_client::Client;
use oathd_tests::world::{CardSetup, User, World, eventually, reader_name};
use rustix::process::{Pid, Signal, kill_process};

#[tokio::test]
async fn the_readers_are_those_of_the_file() {
    let mut world = World::new().unwrap();
    let (file, inside) = (world.path("oathd.conf"), "/run/oathd.conf");
    let only = |slot| format!("readers = [{:?}]\n", reader_name(slot));
    fs::write(&file, only(0)).unwrap();
    world.start_pcscd().unwrap();
    world.start_oathd(&["--config", inside]).unwrap();
    world.insert_card(CardSetup::default()).unwrap();
    let client = Client::with(world.connect(User::Root).await.unwrap());
    let seen = async || client.find_token("").await.ok();
    eventually("the token", seen).await.unwrap();

    fs::write(&file, only(1)).unwrap();
    hang_up(&mut world);
    let unseen = async || {
        let refused = client.find_token("").await.err()?;
        refused.is(ErrorName::NoToken).then_some(())
    };
    eventually("no token", unseen).await.unwrap();

    fs::write(&file, "readers = 7").unwrap();
    hang_up(&mut world);
    let told = async || {
        let log = world.oathd().unwrap().log();
        log.contains("settings kept as they were").then_some(())
    };
    eventually("word of the bad file", told).await.unwrap();
    eventually("still no token", unseen).await.unwrap();

    fs::write(&file, only(0)).unwrap();
    hang_up(&mut world);
    eventually("the token again", seen).await.unwrap();
}

fn hang_up(world: &mut World) {
    let oathd = i32::try_from(world.oathd().unwrap().pid()).unwrap();
    kill_process(Pid::from_raw(oathd).unwrap(), Signal::HUP).unwrap();
}
