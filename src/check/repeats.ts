/** Whether a question has to be put again because of news: it may have been answered from before them. */
export interface Repeats {
  /** A run of questions begins. */
  begin(): void;
  /** A question goes out: it is answered from after all news so far. */
  asked(): void;
  /** News came while a question was out, or about to go. */
  told(): void;
  /** It has to be put again at once, which {@link Repeats.take} says and uses up. */
  readonly due: boolean;
  take(): boolean;
  /** News came that no question was put after. */
  readonly left: boolean;
}

/**
 * At once only one time in a run: somebody who has news with each answer is asked for ever, but in between an answer has
 * to count.
 */
export function createRepeats(): Repeats {
  let outdated = false;
  let used = false;
  const isDue = () => outdated && !used;
  return {
    begin() {
      used = false;
    },
    asked() {
      outdated = false;
    },
    told() {
      outdated = true;
    },
    get due() {
      return isDue();
    },
    take() {
      const due = isDue();
      used ||= due;
      return due;
    },
    get left() {
      return outdated;
    },
  };
}
