//! Pages by the values of their last record: nothing twice, nothing left out.

use super::fixture::{Fixture, number};
use packwork_engine::query::{Filter, ListQuery};
use packwork_engine::record::Record;
use packwork_engine::value::Value;
use std::sync::Arc;
use uuid::Uuid;

const TICKETS: u64 = 60;

/// Tickets with many equal and many empty values.
async fn tickets(fixture: &Fixture) -> Vec<Arc<Record>> {
    let tickets: Vec<Arc<Record>> = (0..TICKETS)
        .map(|index| {
            let subject =
                if index % 5 == 0 { Value::Null } else { Value::text(["b", "A", "a", "乙"][index as usize % 4]) };
            let count = if index % 7 == 0 { Value::Null } else { number(&(index % 3).to_string()) };
            fixture.record("ticket", &[("subject", subject), ("count", count)])
        })
        .collect();
    fixture.create(&tickets.iter().collect::<Vec<_>>()).await;
    tickets
}

fn cursor(query: &ListQuery, last: &Record) -> Vec<Value> {
    let keys = query.sort.iter().map(|sort| last.values[sort.path.slots[0]].clone());
    keys.chain([Value::Id(last.id())]).collect()
}

pub(crate) async fn pages_meet_every_record_once_with_nulls_in_the_order(fixture: Fixture) {
    let tickets = tickets(&fixture).await;
    for sort in [&["subject", "count"][..], &["-subject", "count"], &["subject", "-count"], &["-count"], &[]] {
        let whole = fixture.list(&fixture.query("ticket", Filter::All, sort, 1_000)).await;
        let mut expect: Vec<&Arc<Record>> = tickets.iter().collect();
        expect.sort_by(|a, b| {
            let mut order = std::cmp::Ordering::Equal;
            for name in sort {
                let slot = fixture.slot("ticket", name.trim_start_matches('-'));
                // Null is the least of all values.
                let next = a.values[slot].cmp(&b.values[slot]);
                order = order.then(if name.starts_with('-') { next.reverse() } else { next });
            }
            let ids = a.id().cmp(&b.id());
            order.then(if sort.last().is_some_and(|name| name.starts_with('-')) { ids.reverse() } else { ids })
        });
        let ids: Vec<Uuid> = expect.iter().map(|ticket| ticket.id()).collect();
        assert_eq!(whole.iter().map(|ticket| ticket.id()).collect::<Vec<_>>(), ids, "{sort:?}");
        let mut query = fixture.query("ticket", Filter::All, sort, 7);
        let mut paged = Vec::new();
        loop {
            let page = fixture.list(&query).await;
            let Some(last) = page.last() else { break };
            query.after = Some(cursor(&query, last));
            paged.extend(page.iter().map(|ticket| ticket.id()));
        }
        assert_eq!(paged, ids, "{sort:?}");
    }
}

pub(crate) async fn a_page_goes_on_where_the_former_ended_although_records_came_in(fixture: Fixture) {
    tickets(&fixture).await;
    let mut query = fixture.query("ticket", Filter::All, &["-subject"], 10);
    let first = fixture.list(&query).await;
    query.after = first.last().map(|last| cursor(&query, last));
    let expect = fixture.list(&query).await;
    // One that sorts before everything.
    fixture.create(&[&fixture.record("ticket", &[("subject", "龘".into())])]).await;
    assert_eq!(fixture.list(&query).await, expect);
    let wrong = ListQuery { after: Some(vec![Value::Null]), ..query };
    assert!(fixture.store.list(&fixture.scope, &fixture.model, &wrong).await.is_err());
}

pub(crate) async fn ids_come_in_the_order_of_the_list(fixture: Fixture) {
    tickets(&fixture).await;
    let query = fixture.query("ticket", Filter::All, &["-subject", "count"], 25);
    let ids = fixture.store.ids(&fixture.scope, &fixture.model, &query).await.expect("it reads");
    assert_eq!(ids, fixture.list(&query).await.iter().map(|ticket| ticket.id()).collect::<Vec<_>>());
    assert_eq!(ids.len(), 25);
}

pub(crate) async fn counting_stops_at_the_cap(fixture: Fixture) {
    tickets(&fixture).await;
    let count = async |cap| {
        fixture.store.count(&fixture.scope, &fixture.model, "ticket", &Filter::All, cap).await.expect("it counts")
    };
    assert_eq!((count(None).await, count(Some(10)).await, count(Some(1_000)).await), (TICKETS, 10, TICKETS));
}
