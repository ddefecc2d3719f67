//! End-to-end tests: one module for each property, each saying what it proves and what it does not.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests"
    )
)]

mod a_backup_and_its_keys_bring_accounts_back;
mod a_call_has_one_deadline;
mod a_card_pulled_from_a_reader_is_missed_at_once;
mod a_change_needs_a_proof;
mod a_channel_is_verified_by_its_code;
mod a_clock_that_runs_away_is_not_believed;
mod a_code_costs_one_call;
mod a_code_is_accepted_once_however_many_ask;
mod a_crash_loses_nothing_that_was_answered;
mod a_damaged_credential_hides_no_other;
mod a_factor_counts_once_its_code_was_seen;
mod a_full_disk_costs_no_codes;
mod a_guess_at_many_accounts_is_slowed;
mod a_key_belongs_to_its_user;
mod a_login_proves_what_its_session_asks;
mod a_paired_token_opens_for_its_user_alone;
mod a_polkit_rule_decides_by_uid;
mod a_private_bus_serves_its_owner;
mod a_prompt_leaves_the_terminal_as_it_was;
mod a_pulled_token_leaves_nothing_half_done;
mod a_race_has_one_winner;
mod a_realm_hands_out_sessions_and_keys;
mod a_rescue_needs_other_administrators;
mod a_search_gives_the_code_of_what_it_finds;
mod a_seed_on_tokens_is_whole_or_nowhere;
mod a_sent_code_opens_once;
mod a_sleep_finds_the_tokens_released;
mod a_time_service_vouches_for_the_clock;
mod a_token_reset_by_another_program_is_told;
mod a_token_speaks_for_its_account;
mod a_touch_is_announced_to_its_caller_alone;
mod a_touch_wait_delays_nobody_who_needs_none;
mod a_user_of_this_machine_is_met_by_the_policy;
mod administrators_look_after_accounts;
mod administrators_work_with_oathctl;
mod an_agent_answers_for_its_own_user;
mod an_agent_is_told_of_touches;
mod an_end_leaves_nothing_half_done;
mod an_enrollment_leaves_nothing_behind;
mod an_idle_oathd_leaves_and_loses_nothing;
mod an_import_changes_nothing_for_its_users;
mod an_unknown_account_answers_like_a_known_one;
mod bad_input_is_named_and_survived;
mod canaries;
mod desk;
mod dice;
mod each_action_needs_its_own_grant;
mod each_change_does_what_it_says;
mod every_error_name_is_asserted;
mod holder;
mod interop;
mod keys_follow_a_model;
mod logind;
mod near;
mod no_answer_of_an_account_is_written_down;
mod no_image_of_a_process_is_left;
mod no_secret_is_written_down;
mod no_secret_of_an_account_is_written_down;
mod no_seed_stays_in_memory;
mod nonsense_from_a_token_is_named;
mod oathctl_asks_for_what_is_left_open;
mod oathctl_keeps_a_second_factor;
mod oathctl_tells_how_each_command_ended;
mod oathd_asks_polkit_about_its_callers;
mod one_token_is_named_or_none_is_used;
mod only_sealed_memory_carries_a_secret;
mod other_programs_share_the_token;
mod pcscd_sees_cards_come_and_go;
mod postman;
mod raw;
mod recovery_works_without_the_vault;
mod settings_are_taken_up_while_running;
mod several_tokens_take_a_seed_all_or_none;
mod soak;
mod state_that_cannot_be_used_is_left_alone;
mod the_card_service_may_come_and_go;
mod the_demo_service_leaves_its_second_factor_to_oathd;
mod the_doctor_names_each_fault;
mod the_interfaces_are_those_of_the_xml;
mod the_name_stays_with_its_oathd;
mod the_owner_gives_the_password_for_a_change;
mod the_vault_key_is_never_replaced;
mod till;
mod unknown_words_about_accounts_are_refused;
mod unknown_words_are_refused;
mod what_a_token_cannot_take_is_refused_unwritten;
mod what_cannot_be_kept_is_denied;
mod what_is_granted_is_bound;
mod what_one_user_may_take_is_bounded;
mod what_was_answered_outlives_a_kill;
mod worlds_do_not_meet;
