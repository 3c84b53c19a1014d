struct Booking {
    slot: String,
    patient: String,
}

#[cekura::tool_call(skip(booking.patient))]
fn book(booking: &Booking) -> usize {
    booking.patient.len()
}

#[cekura::span(debug(booking.slot, other), skip(count: usize))]
fn check(booking: &Booking, other: usize, count: usize) -> usize {
    booking.slot.len() + other + count
}

fn main() {}
