//! What the store promises, asked of SQLite and PostgreSQL by the same functions.

mod agree;
mod commands;
mod facts;
mod fields;
mod filters;
mod fixture;
mod jobs;
mod lines;
mod pages;
mod records;
mod recycle;
mod rollups;
mod scratch;
mod sessions;
mod sqlite;
mod statements;
mod stream;
mod sums;
mod tables;
mod totals;

use fixture::Fixture;

/// Every behaviour, on both databases.
macro_rules! on_both_databases {
    ($($module:ident: $($behaviour:ident),+ ;)+) => {
        mod on_sqlite {
            $($(
                #[tokio::test]
                async fn $behaviour() {
                    super::$module::$behaviour(super::Fixture::sqlite().await).await;
                }
            )+)+
        }

        mod on_postgres {
            $($(
                #[tokio::test]
                async fn $behaviour() {
                    super::$module::$behaviour(super::Fixture::postgres().await).await;
                }
            )+)+
        }
    };
}

on_both_databases! {
    records:
        a_created_record_is_read_back,
        an_update_raises_the_version,
        an_update_of_an_old_version_is_refused_with_the_current_values,
        a_deleted_record_leaves_lists_and_can_be_read,
        a_second_record_with_a_unique_value_is_refused_and_nothing_is_written,
        a_combination_is_unique_among_live_records,
        a_value_may_move_between_records_in_one_command,
        owned_rows_come_in_their_order_and_go_for_good,
        many_changes_and_removals_at_once_do_what_each_would_alone,
        a_record_outside_the_callers_rows_is_not_there,
        a_scope_of_another_tenant_reads_nothing,
        history_tells_the_newest_first;
    recycle:
        references_are_emptied_where_they_may_be;
    rollups:
        rollups_are_what_the_rows_come_to;
    totals:
        totals_are_what_refers_comes_to,
        lists_are_made_by_totals,
        many_count_for_one_at_once,
        a_new_rollup_counts_what_is_there,
        what_is_decided_by_a_total_sees_its_own_transaction,
        a_total_of_19_digits_is_refused;
    fields:
        every_kind_of_value_comes_back_as_it_was,
        amounts_of_18_digits_are_kept_exactly,
        amounts_of_19_digits_are_refused,
        digits_beyond_the_scale_are_refused,
        a_zero_character_is_refused;
    filters:
        comparisons_find_what_they_say,
        null_satisfies_only_what_asks_for_it,
        paths_lead_through_references,
        lists_are_asked_for_members,
        text_is_searched_as_it_is_written,
        amounts_compare_within_their_currency;
    agree:
        generated_filters_find_what_the_engine_says,
        every_operator_meets_every_type_or_says_why_not,
        filters_end_at_their_limits,
        lists_are_sorted_by_what_records_refer_to,
        indexed_pages_neither_scan_nor_sort;
    pages:
        pages_meet_every_record_once_with_nulls_in_the_order,
        a_page_goes_on_where_the_former_ended_although_records_came_in,
        ids_come_in_the_order_of_the_list,
        counting_stops_at_the_cap;
    sums:
        groups_are_counted_and_added_up,
        dates_are_grouped_by_their_parts,
        an_average_is_exact,
        amounts_of_several_currencies_have_no_sum;
    commands:
        a_refused_command_leaves_nothing,
        one_refused_among_many_is_undone_alone,
        a_repeated_key_is_answered_as_before,
        a_key_used_for_something_else_is_a_mismatch,
        keys_belong_to_their_sender,
        a_command_is_applied_once,
        commands_at_once_with_one_key_are_one,
        commands_with_a_common_lock_take_turns,
        a_command_that_always_needs_more_is_refused,
        a_command_that_panics_hurts_nobody_else,
        todos_stand_until_they_are_closed;
    facts:
        records_keys_and_children_are_fetched,
        what_does_not_exist_is_known_not_to,
        referring_records_are_named,
        a_collection_is_shared_until_it_changes,
        numbers_are_given_once;
    lines:
        a_line_comes_back_as_it_was_posted,
        a_reversed_line_stands_no_more,
        a_line_is_taken_back_once,
        groups_cumulate_standing_lines_in_order,
        parties_see_their_own_lines,
        totals_count_charges_and_what_takes_them_back,
        facts_tell_how_far_they_are_settled,
        entries_add_up_by_account,
        a_thousand_lines_go_in_at_once;
    statements:
        a_statement_has_the_totals_of_its_lines,
        numbers_have_no_gaps,
        a_change_of_an_old_version_is_refused,
        the_newest_statement_of_a_key_is_the_head,
        a_dispute_holds_its_line_until_it_is_settled,
        what_takes_a_reversal_back_stands_again,
        debts_are_found_until_somebody_takes_them_over,
        a_period_closes_once_its_runs_and_statements_are_done,
        one_run_of_a_plan_and_period_is_active,
        a_run_that_nobody_carries_out_is_given_up;
    stream:
        events_are_read_on_from_any_position;
    jobs:
        a_job_is_done_step_by_step_by_its_holder,
        a_job_goes_on_where_its_holder_was_killed,
        several_that_look_at_once_take_several_jobs,
        a_subject_has_one_job_at_a_time;
    sessions:
        sessions_are_found_until_they_end,
        the_last_password_counts,
        seeds_and_packs_are_remembered;
    tables:
        a_new_field_is_added_and_old_records_have_none,
        a_dropped_field_is_put_aside_and_comes_back_with_its_data,
        another_field_may_take_the_name_of_one_that_is_aside,
        what_is_aside_is_deleted_when_somebody_says_so,
        a_retyped_field_is_refused_with_a_way_out,
        a_number_gets_more_digits_after_the_point,
        a_renamed_field_takes_its_data_along,
        a_renamed_object_takes_its_records_along,
        values_that_are_there_twice_do_not_become_unique,
        a_new_rule_finds_old_records_that_look_alike,
        preparing_again_changes_nothing;
}
