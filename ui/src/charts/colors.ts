/**
 * All colours with a meaning, for the light and the dark scheme. A wait class has the same colour on every page. Wait classes
 * also differ in lightness and always stack in this order, for users who cannot tell red from green.
 */

export type Scheme = 'light' | 'dark';
export type Color = Record<Scheme, string>;

export interface WaitClass {
  name: string;
  color: Color;
  help: string;
}

export const WAIT_CLASSES: readonly WaitClass[] = [
  { name: 'CPU', color: { light: '#2f9e5f', dark: '#3fb673' }, help: 'running, not waiting' },
  { name: 'IO', color: { light: '#2f6fd6', dark: '#4c8df0' }, help: 'waiting for disk' },
  { name: 'Lock', color: { light: '#c22f45', dark: '#e0475c' }, help: 'waiting for another transaction' },
  { name: 'LWLock', color: { light: '#f0a92b', dark: '#f5bb4e' }, help: 'waiting for shared memory' },
  { name: 'BufferPin', color: { light: '#7d5230', dark: '#a8764c' }, help: 'waiting for a pinned page' },
  { name: 'IPC', color: { light: '#7c55c4', dark: '#a07fe0' }, help: 'waiting for another process' },
  { name: 'Client', color: { light: '#98a2ad', dark: '#8d98a5' }, help: 'waiting for the application' },
  { name: 'Timeout', color: { light: '#ef9cc0', dark: '#f2acca' }, help: 'sleeping' },
  { name: 'Extension', color: { light: '#5b6773', dark: '#6d7a88' }, help: 'waiting in an extension' },
  { name: 'Activity', color: { light: '#c3c9d0', dark: '#566270' }, help: 'a background process at rest' },
];

const OTHER: WaitClass = { name: 'Other', color: { light: '#ced4da', dark: '#495057' }, help: 'any other wait' };

export function waitClass(name: string): WaitClass {
  return WAIT_CLASSES.find((entry) => entry.name === name) ?? { ...OTHER, name };
}

/** Position in the stack: CPU at the bottom, unknown classes on top. */
export function waitOrder(name: string): number {
  const i = WAIT_CLASSES.findIndex((entry) => entry.name === name);
  return i < 0 ? WAIT_CLASSES.length : i;
}

/** Colours of series other than wait classes. Neighbours differ in lightness and in hue. */
const SERIES: readonly Color[] = [
  { light: '#2f6690', dark: '#6ea8d4' },
  { light: '#e08a1e', dark: '#f0ab57' },
  { light: '#2a9d8f', dark: '#4fc4b6' },
  { light: '#8e5bb5', dark: '#b98ae0' },
  { light: '#c0504d', dark: '#e37a77' },
  { light: '#6b8e23', dark: '#9fc24d' },
  { light: '#56b4e9', dark: '#8fd0f7' },
  { light: '#7a7f87', dark: '#9aa1ab' },
];

export function seriesColor(index: number): Color {
  return SERIES[index % SERIES.length] as Color;
}

/** Bad (rollbacks, errors, down), warning, and good. */
export const BAD: Color = { light: '#c22f45', dark: '#ef6a7d' };
export const WARNING: Color = { light: '#b26a00', dark: '#f0b04a' };
export const GOOD: Color = { light: '#2f9e5f', dark: '#3fb673' };

/** Lines and text on a chart. */
export const AXIS: Color = { light: '#5f6b77', dark: '#98a3af' };
export const GRID: Color = { light: '#e9ecef', dark: '#262c33' };
export const LIMIT: Color = { light: '#1a2027', dark: '#e9ecef' };
export const PLATE: Color = { light: '#ffffffd9', dark: '#14181cd9' };
