//! Proves: oathd does not serve on a state folder that another oathd holds, that others can look
//! into, that cannot be written, that is damaged or that a newer oathd has written; it ends with a
//! status and a sentence that say so, and changes nothing.
//! Does not prove: that every kind of damage is noticed.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use oathd_api::ExitCode;
use oathd_tests::world::{User, World};

/// Starts an oathd on the state folder that is there; it must end. What it said.
fn refused(world: &World) -> String {
    let arguments = ["--bus", "system", "--state", "/run/state"];
    let oathd = world.built("oathd").unwrap().arguments(&arguments);
    let output = oathd.user(User::Oathd).run().unwrap();
    let (status, said) = output.failure().unwrap();
    assert_eq!(status, i32::from(u8::from(ExitCode::Unavailable)), "{said}");
    said
}

/// The database as it is, its journals included.
fn content(world: &World) -> Vec<Option<Vec<u8>>> {
    let files = ["oathd.db", "oathd.db-wal", "vault.key"];
    let read = |file| fs::read(world.path(&format!("state/{file}"))).ok();
    files.into_iter().map(read).collect()
}

/// A world whose oathd has served once, and ended.
fn served_once() -> World {
    let mut world = World::new().unwrap();
    world.start_oathd(&[]).unwrap();
    world.stop_oathd().unwrap();
    world
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_folder_has_one_owner() {
    let mut world = World::new().unwrap();
    world.start_oathd(&[]).unwrap();
    assert!(refused(&world).contains("in use by another oathd"));
    world.oathd().unwrap().check_alive().unwrap();
}

#[test]
fn a_folder_that_others_can_look_into_is_refused() {
    let mut world = served_once();
    let folder = world.path("state");
    for mode in [0o750, 0o701, 0o777] {
        set_mode(&folder, mode);
        let said = refused(&world);
        assert!(said.contains("make it 0700"), "{said}");
    }
    set_mode(&folder, 0o700);
    world.start_oathd(&[]).unwrap();
}

#[test]
fn a_folder_of_another_user_is_refused() {
    let world = served_once();
    for file in ["state/oathd.db", "state"] {
        chown(world.path(file), Some(0), Some(0)).unwrap();
        assert!(refused(&world).contains("/run/state"));
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    let mut world = served_once();
    let mount = |arguments: &[&str]| {
        let mounted = world.program("mount").arguments(arguments).run();
        mounted.unwrap().stdout().unwrap();
    };
    mount(&["--bind", "/run/state", "/run/state"]);
    mount(&["-o", "remount,bind,ro", "/run/state"]);
    let before = content(&world);
    let said = refused(&world);
    assert!(
        said.contains("/run/state") && said.contains("Read-only"),
        "{said}"
    );
    assert_eq!(content(&world), before);
    mount(&["-o", "remount,bind,rw", "/run/state"]);
    world.start_oathd(&[]).unwrap();
}

#[test]
fn damage_and_the_future_are_left_as_they_are() {
    let world = served_once();
    let database = world.path("state/oathd.db");
    let whole = fs::read(&database).unwrap();
    // The header's field "user version" (SQLite file format, section 1.3) is the schema's number.
    let mut newer = whole.clone();
    newer[60..64].copy_from_slice(&1000_u32.to_be_bytes());
    let mut overwritten = whole.clone();
    overwritten[..100].fill(b'x');
    let cut = whole[..whole.len() / 2].to_vec();
    for (damaged, sentence) in [(newer, "schema 1000"), (overwritten, ""), (cut, "")] {
        fs::write(&database, &damaged).unwrap();
        let before = content(&world);
        let said = refused(&world);
        assert!(said.contains("/run/state/oathd.db"), "{said}");
        assert!(said.contains(sentence), "{said}");
        assert_eq!(content(&world)[0], before[0]);
        assert_eq!(content(&world)[2], before[2], "another vault key");
    }
}
