//! What goes wrong around the product: killed processes, full disks, databases that go away. Asked of the real binary.

mod backup;
mod check;
mod clients;
mod disk;
mod imports;
mod kill;
pub(crate) mod place;
mod restart;
mod runs;
mod uploads;
