//! The two controllers of a trial: they are crashed, stopped, woken and replaced.

use crate::accidents::{Accidents, Hold};
use crate::base::Assemble;
use crate::command::{End, Side};
use crate::held::held;
use std::time::Duration;
use storex_core::{Controller, Error};
use storex_fakes::{Running, World};
use tokio::task::{AbortHandle, JoinHandle};

/// A running controller with its tasks.
struct Seat {
    controller: Controller,
    hold: Hold,
    recovery: AbortHandle,
    /// Requests it was sent; whoever sent them hears nothing once it is gone.
    requests: Vec<JoinHandle<()>>,
}

/// The controllers of a trial. Both live on the same repo, whose leases tell them apart.
pub(crate) struct Seats {
    assemble: Assemble,
    pub(crate) accidents: Accidents,
    taken: Vec<Seat>,
}

impl Seats {
    pub(crate) async fn start(world: &World, assemble: Assemble) -> Self {
        let mut all = Self { assemble, accidents: Accidents::default(), taken: Vec::new() };
        for _ in 0..2 {
            let seat = all.boot(world).await;
            all.taken.push(seat);
        }
        all
    }

    pub(crate) fn controller(&self, side: Side) -> Controller {
        self.taken[place(side)].controller.clone()
    }

    /// Remembers a request, so that it ends with its controller.
    pub(crate) fn serves(&mut self, side: Side, request: JoinHandle<()>) {
        self.taken[place(side)].requests.push(request);
    }

    pub(crate) fn halt(&self, side: Side, end: End) {
        self.taken[place(side)].hold.halt(end);
    }

    pub(crate) fn wake(&self) {
        self.taken.iter().for_each(|seat| seat.hold.wake());
    }

    /// Puts the machine of the controllers to sleep: the world goes on, and they find that the clock has jumped.
    pub(crate) async fn sleep(&self, time: Duration) {
        let awake: Vec<Hold> =
            self.taken.iter().map(|seat| seat.hold.clone()).filter(|hold| hold.running() == Running::Yes).collect();
        for hold in &awake {
            hold.halt(End::Pause);
        }
        tokio::time::sleep(time).await;
        awake.iter().for_each(Hold::wake);
    }

    /// True when every request was answered.
    pub(crate) fn is_answered(&self) -> bool {
        self.taken.iter().all(|seat| seat.requests.iter().all(JoinHandle::is_finished))
    }

    /// Lets so much time pass, replacing controllers that are gone as soon as they are.
    pub(crate) async fn pass(&mut self, world: &World, time: Duration) {
        let end = world.clock().now() + time;
        loop {
            self.tend(world).await;
            let left = storex_core::remaining(world.clock().now(), end);
            tokio::select! {
                biased;
                () = self.accidents.struck() => {}
                () = tokio::time::sleep(left) => return self.tend(world).await,
            }
        }
    }

    /// Replaces the controllers that are gone.
    pub(crate) async fn tend(&mut self, world: &World) {
        while let Some(place) = self.taken.iter().position(|seat| seat.hold.running() == Running::Crashed) {
            let next = self.boot(world).await;
            let gone = std::mem::replace(&mut self.taken[place], next);
            gone.recovery.abort();
            gone.requests.iter().for_each(JoinHandle::abort);
            gone.controller.stop().await;
        }
    }

    /// A new controller. One that cannot start, or is struck while it starts, is started again.
    async fn boot(&self, world: &World) -> Seat {
        loop {
            let hold = Hold::new(&self.accidents);
            tokio::select! {
                biased;
                () = self.accidents.struck() => {}
                started = self.begin(world, &hold) => if let Ok(controller) = started {
                    let recovering = controller.clone();
                    let recovery = tokio::spawn(async move { recovering.run_recovery().await }).abort_handle();
                    return Seat { controller, hold, recovery, requests: Vec::new() };
                },
            }
            hold.abandon();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn begin(&self, world: &World, hold: &Hold) -> Result<Controller, Error> {
        let parts = held((self.assemble)(world), world, hold, &self.accidents);
        let controller = world.start(parts).await?.controller;
        controller.adopt_platform().await?;
        controller.resume().await?;
        Ok(controller)
    }
}

fn place(side: Side) -> usize {
    match side {
        Side::A => 0,
        Side::B => 1,
    }
}
