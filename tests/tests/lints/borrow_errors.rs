//! Errors of the borrow checker that every body here deserves, each once.

use cekura as _;

pub fn take(text: String) {
    drop(text);
}

#[cfg_attr(annotated, cekura::span)]
pub fn moved(text: String) -> String {
    take(text);
    text
}

#[cfg_attr(annotated, cekura::span)]
pub fn immutable(list: Vec<u8>) -> Vec<u8> {
    list.push(1);
    list
}

#[cfg_attr(annotated, cekura::span)]
pub fn behind_reference(list: &Vec<u8>) {
    list.clear();
}

#[cfg_attr(annotated, cekura::span)]
pub fn out_of_reference(list: &Vec<u8>) -> Vec<u8> {
    *list
}

#[cfg_attr(annotated, cekura::span)]
pub async fn moved_in_async(text: String) -> String {
    take(text);
    text
}

#[cfg_attr(annotated, cekura::span)]
pub async fn two_borrows(list: &mut Vec<u8>) -> u8 {
    let first = &list[0];
    list.push(1);
    *first
}

#[cfg_attr(annotated, cekura::span)]
pub fn local(n: u8) -> &'static u8 {
    let local = n;
    &local
}
