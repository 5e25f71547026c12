// SPDX-License-Identifier: Apache-2.0
declare module 'virtual:sandbox-wasm' {
  /** Where the sandbox's wasm is served. */
  const url: string;
  export default url;
}
