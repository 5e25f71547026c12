// SPDX-License-Identifier: Apache-2.0
/**
 * A PCIe function: its configuration space, and what that switches on — BARs,
 * interrupt messages, PASID, ATS, page requests. Software enables PASID before
 * ATS, and ATS before page requests; where the specification calls another
 * order undefined, the write changes nothing here and is kept as a mistake.
 */
import type { Field, Layout } from '../base/layout.ts';
import { Atc, type AtcOptions } from './atc.ts';
import { ConfigSpace, configRegister, type ConfigRegister } from './config-space.ts';
import * as at from './config-structures.ts';
import { Endpoint, type FunctionControl, type FunctionLink } from './endpoint.ts';
import type { MsiMessage } from './interrupts.ts';
import { PageRequests } from './page-requests.ts';

export interface BarDescription {
  /** Bytes, a power of two, at least 16. */
  readonly size: number;
  readonly bits?: 32 | 64;
  readonly prefetchable?: boolean;
}

export interface FunctionDescription {
  readonly vendorId: number;
  readonly deviceId: number;
  /** 24 bits: base class, subclass, interface. */
  readonly classCode: number;
  readonly revision?: number;
  readonly type?: 'endpoint' | 'rootComplexEndpoint';
  readonly bars?: readonly BarDescription[];
  /** Vectors: 1, 2, 4 to 32. */
  readonly msi?: { readonly vectors: number; readonly maskable?: boolean };
  readonly msix?: { readonly vectors: number; readonly bar: number; readonly table: number; readonly pending: number };
  readonly ats?: { readonly pageAligned?: boolean } & Pick<AtcOptions, 'queueDepth' | 'globalInvalidate' | 'geometry' | 'withoutPasid'>;
  readonly pri?: { readonly capacity: number; readonly responsePasidRequired?: boolean };
  readonly pasid?: { readonly bits: number; readonly execute?: boolean; readonly privileged?: boolean };
}

/** The function's side of a link, driven by its configuration space. Each run of a device makes its own. */
export function endpointOf(of: PcieFunction, source: number, link: FunctionLink): Endpoint {
  const endpoint = new Endpoint({
    source,
    link,
    control: of,
    ...(of.atc === null ? {} : { atc: of.atc }),
    ...(of.pages === null ? {} : { pages: of.pages }),
    refused: (status) => {
      of.refused(status);
    },
  });
  of.forgot = () => {
    endpoint.serve();
  };
  return endpoint;
}

const ATS_ORDER = 'PCIe 5.0, "PASID Control Register"';
const ATS_CONTROL = 'PCIe 5.0, "ATS Control Register"';
const PRI_CONTROL = 'PCIe 5.0, "Page Request Control Register"';
const PRI_ALLOCATION = 'PCIe 5.0, "Outstanding Page Request Allocation"';

/** Offsets of the capabilities that a function has; null where it lacks one. */
interface Places {
  readonly msi: number | null;
  readonly msix: number | null;
  readonly pcie: number;
  readonly ats: number | null;
  readonly pri: number | null;
  readonly pasid: number | null;
}

export class PcieFunction implements FunctionControl {
  readonly config: ConfigSpace;
  readonly places: Places;
  /** Null: the function knows no ATS. */
  readonly atc: Atc | null;
  readonly pages: PageRequests | null;
  /** Called after the translation cache was emptied, or the function reset: what waits for it may go on. */
  forgot: () => void = () => undefined;
  readonly #description: FunctionDescription;
  readonly #bars: readonly { readonly offset: number; readonly bar: BarDescription }[];

  /** @throws RangeError for a BAR, a width or a number of vectors that cannot be */
  constructor(description: FunctionDescription) {
    this.#description = description;
    this.#bars = placeBars(description.bars ?? []);
    this.places = placeCapabilities(description);
    this.atc = description.ats === undefined ? null : new Atc(description.ats);
    this.pages = description.pri === undefined ? null : new PageRequests(description.pri);
    this.config = new ConfigSpace([...header(description, this.#bars, this.places), ...capabilities(description, this.places)], {
      written: (offset, value, old) => this.#written(offset, value, old),
      current: (offset, value) => this.#current(offset, value),
    });
  }

  get busMaster(): boolean {
    return this.#decode(at.CommandStatus, 4).busMaster;
  }
  get memorySpace(): boolean {
    return this.#decode(at.CommandStatus, 4).memorySpace;
  }
  get relaxedOrdering(): boolean {
    return this.#decode(at.DeviceControl, this.places.pcie + 8).relaxedOrdering;
  }
  get idoRequests(): boolean {
    return this.#decode(at.DeviceControl2, this.places.pcie + 0x28).idoRequest;
  }
  get atomicRequester(): boolean {
    return this.#decode(at.DeviceControl2, this.places.pcie + 0x28).atomicRequester;
  }
  get ats(): boolean {
    return this.places.ats !== null && this.#decode(at.AtsRegister, this.places.ats + 4).enable;
  }
  get pasid(): boolean {
    return this.#pasid()?.enable ?? false;
  }
  get executePermission(): boolean {
    return this.#pasid()?.execute ?? false;
  }
  get privilegedMode(): boolean {
    return this.#pasid()?.privileged ?? false;
  }
  get pasidBits(): number {
    return this.#description.pasid?.bits ?? 0;
  }
  get pri(): boolean {
    return this.pages?.enabled ?? false;
  }

  /** Where a BAR lies now, bytes; null: it does not answer. */
  bar(index: number): bigint | null {
    const placed = this.#bars[index];
    if (placed === undefined || !this.memorySpace) return null;
    const low = BigInt(this.config.word(placed.offset) & ~0xf) & 0xffff_ffffn;
    return placed.bar.bits === 64 ? low | (BigInt(this.config.word(placed.offset + 4)) << 32n) : low;
  }

  /** What an interrupt of the MSI capability writes, and where; null: it is off, or masked and pending now. Vectors beyond those enabled share the last one. */
  msi(vector: number): MsiMessage | null {
    const place = this.places.msi;
    if (place === null || !this.busMaster) return null;
    const control = this.#decode(at.MsiControl, place);
    if (!control.enable) return null;
    const count = 1 << Math.min(control.enabled, control.capable);
    const line = Math.min(vector, count - 1);
    if (control.maskable && ((this.config.word(place + 16) >>> line) & 1) !== 0) {
      this.config.set(place + 20, this.config.word(place + 20) | (1 << line));
      return null;
    }
    const address = (BigInt(this.config.word(place + 8)) << 32n) | BigInt((this.config.word(place + 4) & ~3) >>> 0);
    return { address, data: (this.config.word(place + 12) & 0xffff & ~(count - 1)) | line };
  }

  /** A request of the function was refused: the sticky bits of the status register. */
  refused(status: 'unsupported-request' | 'completer-abort'): void {
    const was = this.#decode(at.CommandStatus, 4);
    this.config.set(4, Number(at.CommandStatus.encode({ ...was, ...(status === 'completer-abort' ? { receivedTargetAbort: true } : { receivedMasterAbort: true }) })));
  }

  /** Function-level reset: everything software has set is gone (PCIe 5.0, "Function Level Reset"). */
  reset(): void {
    const requests = this.pages;
    this.config.reset();
    if (this.atc !== null) this.atc.stu = 0;
    this.atc?.clear();
    if (requests !== null) {
      requests.enabled = false;
      requests.reset();
      requests.allocation = 0;
      requests.responseFailure = false;
      requests.unexpectedIndex = false;
    }
    this.forgot();
  }

  #pasid() {
    return this.places.pasid === null ? null : this.#decode(at.PasidRegister, this.places.pasid + 4);
  }

  #decode<Fields extends Readonly<Record<string, Field>>>(of: Layout<Fields>, offset: number): ReturnType<Layout<Fields>['decode']> {
    return of.decode(BigInt(this.config.word(offset)));
  }

  #written(offset: number, value: number, old: number): number {
    const { ats, pri, pasid, msi, msix, pcie } = this.places;
    if (offset === pcie + 8) return this.#deviceControl(value);
    if (ats !== null && offset === ats + 4) return this.#atsControl(offset, value, old);
    if (pasid !== null && offset === pasid + 4) return this.#pasidControl(offset, value, old);
    if (pri !== null && offset === pri + 4) return this.#priControl(offset, value, old);
    if (pri !== null && offset === pri + 12) return this.#priAllocation(offset, value, old);
    if (msi !== null && msix !== null && (offset === msi || offset === msix)) this.#oneKind(offset, value, msi, msix);
    return value;
  }

  #current(offset: number, value: number): number {
    const { pri } = this.places;
    if (pri === null || this.pages === null || offset !== pri + 4) return value;
    const { enabled, responseFailure, unexpectedIndex, stopped, responsePasidRequired } = this.pages;
    return Number(at.PriControl.encode({ enable: enabled, responseFailure, unexpectedIndex, stopped, responsePasidRequired }));
  }

  #deviceControl(value: number): number {
    const fields = at.DeviceControl.decode(BigInt(value));
    if (!fields.functionReset) return value;
    this.reset();
    return this.config.word(this.places.pcie + 8);
  }

  #atsControl(offset: number, value: number, old: number): number {
    const next = at.AtsRegister.decode(BigInt(value));
    const was = at.AtsRegister.decode(BigInt(old));
    if (next.enable && was.enable && next.stu !== was.stu) {
      this.config.mistake(offset, `the smallest translation unit changes from ${was.stu} to ${next.stu} while ATS is on; switch ATS off first`, ATS_CONTROL);
      return old;
    }
    if (was.enable && !next.enable && this.pri) this.config.mistake(offset, 'ATS is switched off while the function may still ask for pages; switch page requests off first', PRI_CONTROL);
    if (this.atc !== null) {
      this.atc.stu = next.stu;
      if (was.enable !== next.enable) {
        this.atc.clear();
        this.forgot();
      }
    }
    return value;
  }

  #pasidControl(offset: number, value: number, old: number): number {
    const next = at.PasidRegister.decode(BigInt(value));
    const was = at.PasidRegister.decode(BigInt(old));
    if (this.ats && (next.enable !== was.enable || next.execute !== was.execute || next.privileged !== was.privileged)) {
      this.config.mistake(offset, `PASID is switched ${next.enable ? (was.enable ? 'to other permissions' : 'on') : 'off'} while ATS is on, which is undefined; change it while ATS is off`, ATS_ORDER);
      return old;
    }
    return value;
  }

  #priControl(offset: number, value: number, old: number): number {
    const { pages } = this;
    if (pages === null) return value;
    const next = at.PriControl.decode(BigInt(value));
    const was = at.PriControl.decode(BigInt(old));
    if (!next.responseFailure) pages.responseFailure = false;
    if (!next.unexpectedIndex) pages.unexpectedIndex = false;
    if (next.reset && next.enable) this.config.mistake(offset, 'page requests are reset while they are on, which does nothing', PRI_CONTROL);
    if (next.enable && !was.enable) {
      if (!this.ats) {
        this.config.mistake(offset, 'page requests are switched on while ATS is off: a page that was asked for could not be used; switch ATS on first', PRI_CONTROL);
        return value;
      }
      if (!pages.stopped) {
        this.config.mistake(offset, `page requests are switched on again while ${pages.outstanding} of them are without response; wait for Stopped, or reset them`, PRI_CONTROL);
        return value;
      }
      if (pages.allocation === 0) this.config.mistake(offset, 'page requests are switched on with an allocation of 0: none can be made', PRI_ALLOCATION);
    }
    pages.enabled = next.enable;
    if (next.reset) pages.reset();
    return value;
  }

  #priAllocation(offset: number, value: number, old: number): number {
    const { pages } = this;
    if (pages === null) return value;
    if (pages.enabled && value !== old) {
      this.config.mistake(offset, 'the allocation changes while page requests are on; switch them off first', PRI_ALLOCATION);
      return old;
    }
    if (value > pages.capacity) this.config.mistake(offset, `${value} page requests are allocated to a function that can have ${pages.capacity} outstanding`, PRI_ALLOCATION);
    pages.allocation = value;
    return value;
  }

  #oneKind(offset: number, value: number, msi: number, msix: number): void {
    const messages = at.MsiControl.decode(BigInt(offset === msi ? value : this.config.word(msi))).enable;
    const table = at.MsixControl.decode(BigInt(offset === msix ? value : this.config.word(msix))).enable;
    if (messages && table) this.config.mistake(offset, 'MSI and MSI-X are on at once, which is undefined; switch one off first', 'PCIe 5.0, "MSI and MSI-X Support"');
  }
}

function placeBars(bars: readonly BarDescription[]): { offset: number; bar: BarDescription }[] {
  let offset = 0x10;
  return bars.map((bar) => {
    if (!Number.isInteger(Math.log2(bar.size)) || bar.size < 16 || (bar.bits !== 64 && bar.size > 2 ** 31)) throw new RangeError(`a BAR of ${bar.size} bytes; expected a power of two from 16`);
    const placed = { offset, bar };
    offset += bar.bits === 64 ? 8 : 4;
    if (offset > 0x28) throw new RangeError('a function has six BARs, and one of 64 bits takes two');
    return placed;
  });
}

/** Capabilities lie one after another: MSI, MSI-X, PCI Express; then, from 0x100, ATS, page requests, PASID. */
function placeCapabilities(of: FunctionDescription): Places {
  let next = 0x40;
  const take = (there: boolean, size: number): number | null => {
    if (!there) return null;
    const place = next;
    next += size;
    return place;
  };
  const msi = take(of.msi !== undefined, of.msi?.maskable === true ? 0x18 : 0x10);
  const msix = take(of.msix !== undefined, 0x10);
  const pcie = next;
  next = 0x100;
  return { msi, msix, pcie, ats: take(of.ats !== undefined, 0x10), pri: take(of.pri !== undefined, 0x10), pasid: take(of.pasid !== undefined, 0x10) };
}

function header(of: FunctionDescription, bars: readonly { offset: number; bar: BarDescription }[], places: Places): ConfigRegister[] {
  const group = 'header';
  const registers: ConfigRegister[] = [
    configRegister(group, 0x00, at.Identity, { vendorId: of.vendorId, deviceId: of.deviceId }),
    configRegister(group, 0x04, at.CommandStatus, { capabilityList: true }, { writes: ['memorySpace', 'busMaster', 'parityResponse', 'serr', 'intxDisable'], clears: ['masterDataParityError', 'signaledTargetAbort', 'receivedTargetAbort', 'receivedMasterAbort', 'signaledSystemError', 'detectedParityError'] }),
    configRegister(group, 0x08, at.ClassRevision, { revision: of.revision ?? 0, interface: of.classCode & 0xff, subclass: (of.classCode >>> 8) & 0xff, baseClass: of.classCode >>> 16 }),
    configRegister(group, 0x0c, at.HeaderType, {}, { writes: ['cacheLine'] }),
    configRegister(group, 0x2c, at.Subsystem, { vendorId: of.vendorId, id: of.deviceId }),
    configRegister(group, 0x34, at.CapabilitiesPointer, { pointer: places.msi ?? places.msix ?? places.pcie }),
    configRegister(group, 0x3c, at.InterruptLine, {}, { writes: ['line'] }),
  ];
  for (const { offset, bar } of bars) {
    const below = bar.size - 1;
    const wide = bar.bits === 64;
    registers.push(configRegister(group, offset, at.BaseAddress, { width: wide ? 'bits64' : 'bits32', prefetchable: bar.prefetchable === true }, { bits: below > 0xffff_ffff ? 0 : ~below & ~0xf }));
    if (wide) registers.push(configRegister(group, offset + 4, at.UpperBaseAddress, {}, { bits: ~Math.floor(below / 2 ** 32) }));
  }
  return registers;
}

function capabilities(of: FunctionDescription, { msi, msix, pcie, ats, pri, pasid }: Places): ConfigRegister[] {
  const registers: ConfigRegister[] = [];
  const { CAPABILITY, EXTENDED } = at;
  if (of.msi !== undefined && msi !== null) {
    const capable = Math.log2(of.msi.vectors);
    if (!Number.isInteger(capable) || capable > 5) throw new RangeError(`${of.msi.vectors} vectors of MSI; expected a power of two up to 32`);
    registers.push(
      configRegister('MSI', msi, at.MsiControl, { id: CAPABILITY.msi, next: msix ?? pcie, capable, wide: true, maskable: of.msi.maskable === true }, { writes: ['enable', 'enabled'] }),
      configRegister('MSI', msi + 4, at.MsiAddress, {}, { writes: ['address'] }),
      configRegister('MSI', msi + 8, at.MsiUpperAddress, {}, { writes: ['address'] }),
      configRegister('MSI', msi + 12, at.MsiData, {}, { writes: ['data'] }),
    );
    if (of.msi.maskable === true) registers.push(configRegister('MSI', msi + 16, at.MsiMask, {}, { writes: ['masked'] }), configRegister('MSI', msi + 20, at.MsiPending, {}));
  }
  if (of.msix !== undefined && msix !== null) {
    if (of.msix.vectors < 1 || of.msix.vectors > 2048) throw new RangeError(`${of.msix.vectors} vectors of MSI-X; expected 1 to 2048`);
    registers.push(
      configRegister('MSI-X', msix, at.MsixControl, { id: CAPABILITY.msix, next: pcie, tableSize: of.msix.vectors - 1 }, { writes: ['enable', 'functionMask'] }),
      configRegister('MSI-X', msix + 4, at.MsixTable, { bar: of.msix.bar, offset: of.msix.table / 8 }),
      configRegister('MSI-X', msix + 8, at.MsixPending, { bar: of.msix.bar, offset: of.msix.pending / 8 }),
    );
  }
  registers.push(
    configRegister('PCI Express', pcie, at.PcieCapability, { id: CAPABILITY.pcie, version: 2, type: of.type ?? 'endpoint' }),
    configRegister('PCI Express', pcie + 4, at.DeviceCapabilities, { payload: 1, extendedTag: true, roleBasedErrors: true, functionReset: true }),
    configRegister('PCI Express', pcie + 8, at.DeviceControl, { relaxedOrdering: true, noSnoop: true, extendedTag: true, readRequest: 2 }, { writes: ['correctableReports', 'nonFatalReports', 'fatalReports', 'unsupportedReports', 'relaxedOrdering', 'payload', 'extendedTag', 'noSnoop', 'readRequest', 'functionReset'], clears: ['correctable', 'nonFatal', 'fatal', 'unsupported'] }),
    configRegister('PCI Express', pcie + 0x24, at.DeviceCapabilities2, { prefixes: of.pasid !== undefined, maxPrefixes: of.pasid === undefined ? 0 : 1 }),
    configRegister('PCI Express', pcie + 0x28, at.DeviceControl2, {}, { writes: ['atomicRequester', 'idoRequest', 'idoCompletion'] }),
  );
  if (of.ats !== undefined && ats !== null) {
    registers.push(
      configRegister('ATS', ats, at.ExtendedHeader, { id: EXTENDED.ats, version: 1, next: pri ?? pasid ?? 0 }),
      configRegister('ATS', ats + 4, at.AtsRegister, { queueDepth: (of.ats.queueDepth ?? 32) % 32, pageAligned: of.ats.pageAligned ?? true, globalInvalidate: of.ats.globalInvalidate ?? true }, { writes: ['stu', 'enable'] }),
    );
  }
  if (of.pri !== undefined && pri !== null) {
    registers.push(
      configRegister('page requests', pri, at.ExtendedHeader, { id: EXTENDED.pri, version: 1, next: pasid ?? 0 }),
      configRegister('page requests', pri + 4, at.PriControl, {}, { writes: ['enable', 'reset'], clears: ['responseFailure', 'unexpectedIndex'] }),
      configRegister('page requests', pri + 8, at.PriCapacity, { capacity: of.pri.capacity }),
      configRegister('page requests', pri + 12, at.PriAllocation, {}, { writes: ['allocation'] }),
    );
  }
  if (of.pasid !== undefined && pasid !== null) {
    const { bits, execute = false, privileged = false } = of.pasid;
    if (!Number.isInteger(bits) || bits < 0 || bits > 20) throw new RangeError(`PASIDs of ${bits} bits; expected 0 to 20`);
    registers.push(
      configRegister('PASID', pasid, at.ExtendedHeader, { id: EXTENDED.pasid, version: 1, next: 0 }),
      configRegister('PASID', pasid + 4, at.PasidRegister, { executeSupported: execute, privilegedSupported: privileged, width: bits }, { writes: ['enable', ...(execute ? (['execute'] as const) : []), ...(privileged ? (['privileged'] as const) : [])] }),
    );
  }
  return registers;
}
