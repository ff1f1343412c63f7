//! The statements both databases share but for their placeholders and casts.

/// What is read of a sale, with the titles of what it refers to.
macro_rules! select {
    ($($rest:literal)*) => {
        concat!(
            "SELECT s.f_id, CAST(s.f_version AS BIGINT), s.f_created_at, s.f_created_by, s.f_updated_at, s.f_updated_by, s.f_owner,
       s.f_code, s.f_subject, s.f_channel, s.f_stage, s.f_account, s.f_article, s.f_quantity, s.f_discount,
       s.f_price, s.c_price, s.f_amount, s.c_amount, CAST(s.f_signed_on AS TEXT), CAST(s.f_due_on AS TEXT),
       s.f_delivered_at, s.f_urgent, s.f_note, a.f_name, b.f_name, u.f_name
FROM o_sale AS s
LEFT JOIN o_account AS a ON a.f_id = s.f_account
LEFT JOIN o_article AS b ON b.f_id = s.f_article
LEFT JOIN o_user AS u ON u.f_id = s.f_owner
WHERE s.f_deleted_at IS NULL",
            $($rest),*
        )
    };
}

pub(super) use select;

pub const INSERT_SALE: &str =
    "INSERT INTO o_sale (f_id, f_version, f_created_at, f_created_by, f_updated_at, f_updated_by, f_owner, f_code,
                    f_subject, f_channel, f_stage, f_account, f_article, f_quantity, f_discount, f_price, c_price,
                    f_amount, c_amount, f_signed_on, f_due_on, f_delivered_at, f_delivered_at_day, f_urgent, f_note)
VALUES ";
pub const INSERT_EVENT: &str = "INSERT INTO event (id, object, record, kind, changes, at, actor, command)
VALUES ";
pub const INSERT_COMMAND: &str =
    "INSERT INTO command (id, at, actor, key_owner, idempotency_key, digest, subject_object, subject, reply)
VALUES ";

/// Rows of a statement, so many to one.
pub fn many(insert: &str, row: &str, rows: usize) -> String {
    let mut text = String::with_capacity(insert.len() + rows * (row.len() + 2));
    text.push_str(insert);
    for index in 0..rows {
        text.push_str(if index == 0 { "" } else { ", " });
        text.push_str(row);
    }
    text
}
