//! What goes wrong around the product: killed processes, full disks, databases that go away. Asked of the real binary
//! where a process matters.

mod clients;
mod kill;
mod place;
