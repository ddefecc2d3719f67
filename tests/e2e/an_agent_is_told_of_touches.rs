//! Proves: `oathctl agent` is told which credential waits for a touch and how that ended, and a
//! program without a terminal gets its code once the token is touched; a restart of oathd changes
//! nothing about that.
//! Does not prove: that passwords are asked for, which needs a terminal.

use oathd_tests::world::{CardSetup, World};
use rustix::process::Signal;

#[test]
fn a_touch_is_shown_and_its_end_too_after_a_restart() {
    let mut world = World::new().unwrap();
    world.start_pcscd().unwrap();
    let card = world
        .insert_card(CardSetup {
            touch: "manual",
            ..CardSetup::default()
        })
        .unwrap();
    world.start_oathd(&[]).unwrap();
    let add = ["add", "GitHub:me", "--touch"];
    let add = world.built("oathctl").unwrap().arguments(&add);
    add.input("GEZDGNBVGY3TQOJQ\n")
        .run()
        .unwrap()
        .stdout()
        .unwrap();

    let agent = world.built("oathctl").unwrap().arguments(&["agent"]);
    let mut agent = agent.start("agent").unwrap();
    agent.until_logged("Waiting for your programs").unwrap();
    world.start_oathd(&[]).unwrap();
    agent.until_logged("oathd has started again.").unwrap();
    let code = ["code", "-s", "github"];
    let code = world.built("oathctl").unwrap().arguments(&code);
    let mut code = code.start("code").unwrap();
    agent
        .until_logged("wants a code of GitHub:me: touch YubiKey")
        .unwrap();
    world.card(card).touch().unwrap();
    assert!(code.wait().unwrap().success(), "{}", code.log());
    agent.until_logged("Done.").unwrap();
    agent.signal(Signal::INT).unwrap();
    assert!(agent.wait().unwrap().success(), "{}", agent.log());
}
