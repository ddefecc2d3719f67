//! oathd-deliver as a process on a bus of its own, with a modem manager, a mail server and hooks
//! that the tests play.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod a_hook_decides_by_its_exit_status;
mod a_mail_goes_to_a_server_or_to_sendmail;
mod a_modem_sends_and_reports;
mod a_way_to_a_server_is_encrypted_and_trusted;
mod an_idle_service_leaves_and_loses_nothing;
mod only_oathd_and_root_may_call;
mod only_sealed_text_for_fit_addresses_is_taken;
mod the_interface_is_that_of_the_xml;
mod the_queue_is_bounded;
mod the_sender_alone_is_told;
mod world;
