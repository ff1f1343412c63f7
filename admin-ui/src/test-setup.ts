import { cleanup, configure } from '@testing-library/react';
import { afterEach } from 'vitest';
import { dismissAll } from './ui/toasts';

// A busy machine takes its time to transform modules and to draw; what does not come at all still fails.
configure({ asyncUtilTimeout: 40_000 });

// jsdom knows the elements but not what they do.
HTMLDialogElement.prototype.showModal ??= function open(this: HTMLDialogElement) {
  this.setAttribute('open', '');
};
HTMLDialogElement.prototype.close ??= function close(this: HTMLDialogElement) {
  this.removeAttribute('open');
};
globalThis.ResizeObserver ??= class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
Blob.prototype.arrayBuffer ??= function arrayBuffer(this: Blob) {
  return new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result as ArrayBuffer);
    reader.readAsArrayBuffer(this);
  });
};
window.scrollTo = () => undefined;

afterEach(() => {
  dismissAll();
  cleanup();
  localStorage.clear();
});
