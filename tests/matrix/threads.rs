// Mutex, Condvar, channels, RwLock, park: Rust's own futex waits, around some computing.
use std::sync::{mpsc, Arc, Condvar, Mutex, RwLock};
use std::thread;
fn main() {
    let turn = Arc::new((Mutex::new(0u64), Condvar::new()));
    let table = Arc::new(RwLock::new(vec![0u64; 64]));
    let (tx, rx) = mpsc::sync_channel::<u64>(16);
    let mut hs = vec![];
    for t in 0..4u64 {
        let (turn, table, tx) = (turn.clone(), table.clone(), tx.clone());
        hs.push(thread::spawn(move || {
            for i in 0..4000u64 {
                let mut x = i + t;
                for _ in 0..8000 { x = x.wrapping_mul(6364136223846793005).wrapping_add(t) ^ (x >> 7); }
                table.write().unwrap()[(i % 64) as usize] ^= x;
                tx.send(x & 0xffff).unwrap();
                if i % 10 == 0 {
                    let mut g = turn.0.lock().unwrap();
                    while *g % 4 != t { g = turn.1.wait(g).unwrap(); }
                    *g += 1;
                    turn.1.notify_all();
                }
            }
        }));
    }
    drop(tx);
    let sum: u64 = rx.iter().sum();
    for h in hs { h.join().unwrap(); }
    println!("{} {} {}", sum, turn.0.lock().unwrap(), table.read().unwrap().iter().fold(0, |a, b| a ^ b));
}
