//! The administrator's program gets the message on its standard input and decides by its exit
//! status; it and what it started end with its time. Not shown: what it does with the message.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::world::{Client, QUICK, TEXT, World};

#[tokio::test]
async fn it_gets_the_message_and_zero_means_sent() {
    let world = World::new();
    let out = world.path("out");
    let script = format!(
        "env >{0}.env; cat >{0}.part; mv {0}.part {0}",
        out.display()
    );
    let service = world.service(&world.hook(&script)).await;
    let mut client = Client::new(world.connect().await).await;
    let id = client.send("command", "matrix:@ann:canary").await.unwrap();
    assert_eq!(client.next(&id).await, "sent");
    let got: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&out).unwrap()).unwrap();
    assert_eq!(
        got,
        serde_json::json!({"kind": "command", "address": "matrix:@ann:canary", "text": TEXT})
    );
    // Nothing of the service's own environment, such as where its credentials are.
    let environment = std::fs::read_to_string(out.with_extension("env")).unwrap();
    assert!(
        !environment.contains("DBUS_") && !environment.contains("HOME="),
        "{environment}"
    );
    service.stop().await;
}

#[tokio::test]
async fn it_serves_text_messages_and_mail_where_the_settings_say_so() {
    let world = World::new();
    let out = world.path("out");
    let settings = format!(
        "{}[sms]\nby = 'command'\n[email]\nby = 'command'\nfrom = 'oathd@example.org'\n",
        world.hook(&format!("cat >>{}", out.display()))
    );
    let service = world.service(&settings).await;
    let mut client = Client::new(world.connect().await).await;
    for (kind, address) in [
        ("sms", "+49 1511 2345678"),
        ("email", "ann.canary@example.net"),
    ] {
        let id = client.send(kind, address).await.unwrap();
        assert_eq!(client.next(&id).await, "sent");
    }
    let out = std::fs::read_to_string(out).unwrap();
    assert!(
        out.contains(r#"{"kind":"sms","address":"+4915112345678","#),
        "{out}"
    );
    assert!(
        out.contains(r#"{"kind":"email","address":"ann.canary@example.net","#),
        "{out}"
    );
    service.stop().await;
}

#[tokio::test]
async fn seventy_five_means_try_again_and_anything_else_means_no() {
    let world = World::new();
    let count = world.path("count");
    let count = count.display();
    let twice = format!("echo x >>{count}; [ $(wc -l <{count}) -gt 2 ] || exit 75");
    for (script, expected, attempts) in [
        (&*twice, "sent", 3),
        ("exit 1", "failed refused", 1),
        ("kill -9 $$", "failed refused", 1),
        ("exit 75", "failed busy", 20),
    ] {
        let service = world
            .service(&format!("{QUICK}{}", world.hook(script)))
            .await;
        let mut client = Client::new(world.connect().await).await;
        let id = client.send("command", "x").await.unwrap();
        for _ in 1..attempts {
            assert_eq!(client.next(&id).await, "queued busy");
        }
        assert_eq!(client.next(&id).await, expected, "{script}");
        let state = client.state(&id).await.unwrap();
        assert_eq!(state.attempts, attempts, "{script}");
        service.stop().await;
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named_so_at_once() {
    let world = World::new();
    let settings = "[command]\nprogram = '/nonexistent/hook'\n";
    let service = world.service(settings).await;
    let mut client = Client::new(world.connect().await).await;
    let id = client.send("command", "x").await.unwrap();
    assert_eq!(client.next(&id).await, "failed cannot_start");
    let state = client.state(&id).await.unwrap();
    assert_eq!((&*state.state, state.attempts), ("failed", 1));
    assert_eq!(state.reason.as_deref(), Some("cannot_start"));
    service.stop().await;
}

#[tokio::test]
async fn a_program_that_takes_too_long_ends_with_all_that_it_started() {
    let world = World::new();
    let pids = world.path("pids");
    let script = format!("sleep 1000 & echo $! $$ >{}; wait", pids.display());
    let settings = format!("attempt_seconds = 1\n{}", world.hook(&script));
    let service = world.service(&settings).await;
    let mut client = Client::new(world.connect().await).await;
    let id = client.send("command", "x").await.unwrap();
    assert_eq!(client.next(&id).await, "failed timed_out");
    let pids = std::fs::read_to_string(pids).unwrap();
    assert_eq!(pids.split_whitespace().count(), 2, "{pids}");
    for pid in pids.split_whitespace() {
        assert!(ends(pid.parse().unwrap()), "{pid} goes on");
    }
    service.stop().await;
}

/// Waits for the end of a process that is nobody's child here.
fn ends(pid: i32) -> bool {
    match pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()) {
        Ok(process) => {
            let bound = Timespec {
                tv_sec: 60,
                tv_nsec: 0,
            };
            poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&bound)).unwrap() == 1
        }
        Err(error) => error == Errno::SRCH,
    }
}
