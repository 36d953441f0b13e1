interface Bus {
  top: number;
  bottom: number;
  lane: number;
}

/** Verticals between two columns: those that would lie on each other are put side by side. */
export class Lanes {
  private readonly buses = new Map<string, Bus>();

  /** A vertical, of which all of one name are one. */
  join(name: string, from: number, to: number): Bus {
    const known = this.buses.get(name);
    const [top, bottom] = [Math.min(from, to), Math.max(from, to)];
    if (!known) {
      const bus = { top, bottom, lane: 0 };
      this.buses.set(name, bus);
      return bus;
    }
    known.top = Math.min(known.top, top);
    known.bottom = Math.max(known.bottom, bottom);
    return known;
  }

  /** Gives each a lane; answers how many lanes that takes. */
  settle(): number {
    const ends: number[] = [];
    for (const bus of [...this.buses.values()].sort((a, b) => a.top - b.top)) {
      const free = ends.findIndex((end) => end + 4 < bus.top);
      bus.lane = free < 0 ? ends.length : free;
      ends[bus.lane] = bus.bottom;
    }
    return ends.length;
  }
}
