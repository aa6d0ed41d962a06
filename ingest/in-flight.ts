/**
 * Bytes of request bodies held by both transports together. A request takes a lease when its headers are in, grows it
 * before it keeps another chunk (compressed or inflated), and the lease ends when nobody needs the bytes any more.
 * Bytes that have only been announced (Content-Length) are not counted: a sender that announces much and sends little
 * must not be able to shut the others out.
 */
export class InFlightBytes {
  readonly limitBytes: number;
  heldBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  hasRoomFor(bytes: number): boolean {
    return this.heldBytes + bytes <= this.limitBytes;
  }

  lease(): Lease {
    return new Lease(this);
  }
}

/**
 * One request's share. It has holders, because two parties need the bytes for unequal times: the transport until it has
 * answered, and the bus until its publish settles, which may be after the answer has timed out. Bytes go back when the
 * last holder lets go.
 */
export class Lease {
  private readonly pool: InFlightBytes;
  private holders = 1;
  private bytes = 0;

  constructor(pool: InFlightBytes) {
    this.pool = pool;
  }

  get ended(): boolean {
    return this.holders === 0;
  }

  /** False, and nothing taken, where the limit would be passed or the lease has ended. */
  tryGrow(bytes: number): boolean {
    if (this.holders === 0 || !this.pool.hasRoomFor(bytes)) return false;
    this.bytes += bytes;
    this.pool.heldBytes += bytes;
    return true;
  }

  shrink(bytes: number): void {
    if (this.holders === 0) return;
    this.bytes -= bytes;
    this.pool.heldBytes -= bytes;
  }

  /** Sets the share to what is really held now, even past the limit: the bytes are there already. */
  resize(bytes: number): void {
    if (this.holders === 0) return;
    this.pool.heldBytes += bytes - this.bytes;
    this.bytes = bytes;
  }

  hold(): void {
    this.holders++;
  }

  /** Called once by each holder. */
  release(): void {
    if (this.holders === 0) return;
    if (--this.holders > 0) return;
    this.pool.heldBytes -= this.bytes;
    this.bytes = 0;
  }
}
