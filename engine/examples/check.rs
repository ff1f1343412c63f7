//! Temporary.
use std::collections::BTreeMap;
fn walk(dir: &std::path::Path, base: &std::path::Path, out: &mut BTreeMap<String, Vec<u8>>) {
    for e in std::fs::read_dir(dir).unwrap() {
        let p = e.unwrap().path();
        if p.is_dir() { walk(&p, base, out) } else {
            out.insert(p.strip_prefix(base).unwrap().to_string_lossy().into_owned(), std::fs::read(&p).unwrap());
        }
    }
}
fn main() {
    let mut d = packwork_engine::diagnostic::Diagnostics::default();
    let mut packs = vec![];
    for name in std::env::args().skip(1) {
        let mut files = BTreeMap::new();
        let p = std::path::PathBuf::from(&name);
        walk(&p, &p, &mut files);
        packs.push(packwork_engine::pack::Pack::read(&files, &mut d));
    }
    for x in d.into_sorted() { println!("{x}"); }
    let t = std::time::Instant::now();
    let (m, found) = packwork_engine::model::Model::compile(packs, &Default::default());
    println!("{:?}", t.elapsed());
    let mut by = BTreeMap::new();
    for x in &found { *by.entry(x.code.as_str()).or_insert(0) += 1; }
    for x in found.iter().take(60) { println!("{x}"); }
    println!("{:?} model: {}", by, m.is_some());
}
