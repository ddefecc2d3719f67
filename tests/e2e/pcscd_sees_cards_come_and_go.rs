//! Proves: cards put into a world's readers are seen by the real pcscd, by any user, answer APDUs,
//! can be pulled and put back, and are there again after pcscd was restarted.
//! Does not prove: anything about what the cards answer, or about oathd.

use oathd_tests::world::{CardSetup, User, World, reader_name};

const SELECT_OATH: &str = "00a4040007a0000005272101";

#[test]
fn a_card_is_seen_pulled_and_put_back() {
    let mut world = World::new().unwrap();
    world.start_pcscd().unwrap();
    let number = world.insert_card(CardSetup::default()).unwrap();
    let select = |world: &World| {
        let send = world.pcsc(&["send", &reader_name(0), SELECT_OATH]).unwrap();
        send.user(User::Alice).run().unwrap()
    };
    assert!(
        select(&world)
            .stdout()
            .unwrap()
            .trim_end()
            .ends_with("9000")
    );
    world.card(number).remove().unwrap();
    world.until_card(0, false).unwrap();
    assert!(select(&world).failure().is_ok());
    world.card(number).insert().unwrap();
    world.until_card(0, true).unwrap();
    assert!(select(&world).stdout().is_ok());
}

#[test]
fn cards_in_different_drivers_survive_a_restart_of_pcscd() {
    let mut world = World::new().unwrap();
    world.start_pcscd().unwrap();
    for (slot, serial) in [(0, 1), (1, 2), (3, 3)] {
        world
            .insert_card(CardSetup {
                slot,
                serial,
                ..CardSetup::default()
            })
            .unwrap();
    }
    let list = |world: &World| {
        world
            .pcsc(&["list"])
            .unwrap()
            .run()
            .unwrap()
            .stdout()
            .unwrap()
    };
    let before = list(&world);
    assert_eq!(
        before.lines().filter(|line| !line.ends_with('\t')).count(),
        3,
        "{before}"
    );
    world.restart_pcscd().unwrap();
    assert_eq!(list(&world), before);
}
