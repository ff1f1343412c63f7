//! `packwork pack`: what consultants use while they write packs and bring them to customers.

mod archives;
mod checking;
mod desk;
mod guide;
mod on_request;
mod promotion;
mod refusing;
mod reloading;
mod scripts;
mod testing;
mod upgrading;
