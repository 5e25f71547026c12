// SPDX-License-Identifier: Apache-2.0
/** Which register does what. */
import type { VtdUnit } from './unit.ts';
import { FaultRecording } from './structures.ts';
import type { EventMessage } from './events.ts';
import { RegisterFile, type Register } from './register-file.ts';
import { GlobalCommand, GlobalStatus, InterruptTableAddress, InvalidateAddress, InvalidationCompletion, OFFSET, PageRequestStatus, ProtectedHigh, ProtectedLow, ProtectedMemoryEnable, RootTableAddress, Version } from './registers.ts';

/** Version 5.0, the one whose fields are declared here. */
const VERSION = Version.encode({ MAX: 5, MIN: 0 });
const F = FaultRecording.encode({ F: true }) >> 64n;

export function registersOf(unit: VtdUnit): RegisterFile {
  const { cap, ecap, options } = unit.features;
  const { queue, pageQueue, faults, registerInvalidation } = unit;
  let rootTable = 0n;
  let rootTaken = false;
  let interruptTable = 0n;
  let interrupts = { IRTPS: false, IRES: false, CFIS: false };
  const registers = new Map<number, Register>();
  const add = (offset: number, bytes: 4 | 8, read: () => bigint, write?: (value: bigint, low: boolean, high: boolean) => void): void => {
    registers.set(offset, write === undefined ? { bytes, read } : { bytes, read, write });
  };

  add(OFFSET.VER, 4, () => VERSION);
  add(OFFSET.CAP, 8, () => options.capability);
  add(OFFSET.ECAP, 8, () => options.extended);
  add(
    OFFSET.GCMD,
    4,
    () => 0n,
    (value) => {
      const command = GlobalCommand.decode(value);
      if (command.SRTP) {
        rootTaken = true;
        unit.takeRootTable(rootTable);
      }
      if (command.WBF) unit.flushWriteBuffers();
      interrupts = { IRTPS: interrupts.IRTPS || (command.SIRTP && ecap.IR), IRES: command.IRE && ecap.IR, CFIS: command.CFI && ecap.IR };
      queue.switch(command.QIE && ecap.QI);
      unit.translates = command.TE;
    },
  );
  add(OFFSET.GSTS, 4, () => GlobalStatus.encode({ ...interrupts, QIES: queue.on, RTPS: rootTaken, TES: unit.translates }));
  add(
    OFFSET.RTADDR,
    8,
    () => rootTable,
    (value) => {
      const { TTM, RTA } = RootTableAddress.decode(value);
      rootTable = RootTableAddress.encode({ TTM: ecap.SMTS ? TTM : 0, RTA });
    },
  );
  add(OFFSET.CCMD, 8, () => registerInvalidation.context, (value, _low, high) => registerInvalidation.writeContext(value, high));

  add(OFFSET.FSTS, 4, () => BigInt(faults.status), (value) => faults.writeStatus(Number(value)));
  addEvent(OFFSET.FECTL, unit.faultEvent);
  faults.records.forEach((_, i) => {
    const at = cap.FRO * 16 + i * 16;
    const record = (): bigint => faults.records[i] ?? 0n;
    add(at, 8, () => record() & 0xffff_ffff_ffff_ffffn);
    add(at + 8, 8, () => record() >> 64n, (value, _low, high) => {
      if (high && (value & F) !== 0n) faults.clear(i);
    });
  });

  addProtectedMemory();

  if (ecap.QI) {
    add(OFFSET.IQH, 8, () => queue.head);
    add(OFFSET.IQT, 8, () => queue.tail, (value) => (queue.tail = value));
    add(OFFSET.IQA, 8, () => queue.address, (value) => (queue.address = value));
    add(OFFSET.ICS, 4, () => InvalidationCompletion.encode({ IWC: unit.completed }), (value) => {
      if (!InvalidationCompletion.decode(value).IWC) return;
      unit.completed = false;
      unit.completionEvent.settle();
    });
    addEvent(OFFSET.IECTL, unit.completionEvent);
    add(OFFSET.IQERCD, 8, () => queue.error);
  }
  if (ecap.IR) {
    add(OFFSET.IRTA, 8, () => interruptTable, (value) => {
      const { S, EIME, IRTA } = InterruptTableAddress.decode(value);
      interruptTable = InterruptTableAddress.encode({ S, EIME: EIME && ecap.EIM, IRTA });
    });
  }
  if (ecap.PRS) {
    add(OFFSET.PQH, 8, () => pageQueue.head, (value) => (pageQueue.head = value));
    add(OFFSET.PQT, 8, () => pageQueue.tail, (value) => (pageQueue.tail = value));
    add(OFFSET.PQA, 8, () => pageQueue.address, (value) => (pageQueue.address = value));
    add(OFFSET.PRS, 4, () => PageRequestStatus.encode({ PPR: pageQueue.pending, PRO: pageQueue.overflow }), (value) => {
      const { PPR, PRO } = PageRequestStatus.decode(value);
      pageQueue.writeStatus(PPR, PRO);
    });
    addEvent(OFFSET.PECTL, unit.pageEvent);
  }
  add(ecap.IRO * 16, 8, () => registerInvalidation.address, (value) => {
    const { AM, IH, ADDR } = InvalidateAddress.decode(value);
    registerInvalidation.address = InvalidateAddress.encode({ AM, IH, ADDR });
  });
  add(ecap.IRO * 16 + 8, 8, () => registerInvalidation.iotlb, (value, _low, high) => registerInvalidation.writeIotlb(value, high));
  return new RegisterFile(registers);

  /** Control, data, address, upper address: four registers of four bytes in a row. */
  function addEvent(at: number, event: EventMessage): void {
    add(at, 4, () => BigInt(event.control), (value) => (event.control = Number(value)));
    add(at + 4, 4, () => BigInt(event.data), (value) => (event.data = Number(value)));
    add(at + 8, 4, () => BigInt(event.address), (value) => (event.address = Number(value)));
    add(at + 12, 4, () => BigInt(event.upperAddress), (value) => (event.upperAddress = Number(value)));
  }

  /** Regions end with the last 2 MiB that the limit names. A limit below the base makes none. */
  function addProtectedMemory(): void {
    let enabled = false;
    const low = { base: 0n, limit: 0n };
    const high = { base: 0n, limit: 0n };
    const update = (): void => {
      const regions = [...(cap.PLMR ? [low] : []), ...(cap.PHMR ? [high] : [])];
      unit.protectedRegions = enabled ? regions.map(({ base, limit }) => [base, limit | 0x1f_ffffn] as const) : [];
    };
    if (cap.PLMR || cap.PHMR) {
      add(OFFSET.PMEN, 4, () => ProtectedMemoryEnable.encode({ EPM: enabled, PRS: enabled }), (value) => {
        enabled = ProtectedMemoryEnable.decode(value).EPM;
        update();
      });
    }
    const lowAddress = (value: bigint): bigint => ProtectedLow.encode({ address: ProtectedLow.decode(value).address });
    const highAddress = (value: bigint): bigint => ProtectedHigh.encode({ address: ProtectedHigh.decode(value).address });
    for (const [base, limit, bytes, region, masked] of [
      [OFFSET.PLMBASE, OFFSET.PLMLIMIT, 4, cap.PLMR ? low : null, lowAddress],
      [OFFSET.PHMBASE, OFFSET.PHMLIMIT, 8, cap.PHMR ? high : null, highAddress],
    ] as const) {
      if (region === null) continue;
      add(base, bytes, () => region.base, (value) => {
        region.base = masked(value);
        update();
      });
      add(limit, bytes, () => region.limit, (value) => {
        region.limit = masked(value);
        update();
      });
    }
  }
}
