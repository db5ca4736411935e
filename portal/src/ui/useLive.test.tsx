// @vitest-environment jsdom
import { renderHook } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { useLive } from './useLive';

class Stream extends EventTarget {
  static last: Stream | null = null;
  closed = false;
  constructor(readonly url: string) {
    super();
    Stream.last = this;
  }
  close() {
    this.closed = true;
  }
}

const say = (data = '') => Stream.last?.dispatchEvent(new MessageEvent('changed', { data }));
const hide = (hidden: boolean) => {
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(hidden);
  document.dispatchEvent(new Event('visibilitychange'));
};

describe('live updates', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('EventSource', Stream);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it('asks again once for several changes, and not more often than it may', () => {
    const changed = vi.fn();
    const { unmount } = renderHook(() => useLive('/events', 'changed', changed, 10_000));
    for (let times = 0; times < 3; times++) say();
    vi.advanceTimersByTime(1_000);
    expect(changed).toHaveBeenCalledTimes(1);
    say();
    vi.advanceTimersByTime(5_000);
    expect(changed).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(5_000);
    expect(changed).toHaveBeenCalledTimes(2);
    say();
    unmount();
    vi.advanceTimersByTime(20_000);
    expect(changed).toHaveBeenCalledTimes(2);
    expect(Stream.last?.closed).toBe(true);
  });

  it('leaves a page alone that nobody looks at, and brings it up to date when somebody does', () => {
    const changed = vi.fn();
    renderHook(() => useLive('/events', 'changed', changed, 1_000));
    hide(true);
    say();
    vi.advanceTimersByTime(60_000);
    expect(changed).not.toHaveBeenCalled();
    hide(false);
    expect(changed).toHaveBeenCalledTimes(1);
  });

  it('hears what is wanted, and does without where there is no stream', () => {
    const changed = vi.fn();
    renderHook(() => useLive('/events', 'changed', changed, 1_000, (data) => data === 'mine'));
    say('other');
    vi.advanceTimersByTime(2_000);
    expect(changed).not.toHaveBeenCalled();
    say('mine');
    vi.advanceTimersByTime(2_000);
    expect(changed).toHaveBeenCalledTimes(1);
    vi.stubGlobal('EventSource', undefined);
    renderHook(() => useLive('/events', 'changed', changed, 1_000));
    expect(changed).toHaveBeenCalledTimes(1);
  });
});
