import { useTranslation } from 'react-i18next';
import type { Dispute, LineKind, Run, StatementStatus } from '../../api/contract/settlement';
import { StatusTag, type Tone } from '../../ui/layout';

const STATEMENT: Record<StatementStatus, Tone> = {
  draft: 'neutral',
  issued: 'info',
  confirmed: 'warning',
  paid: 'success',
  reversed: 'danger',
};

export function StatementTag({ status }: { status: StatementStatus }) {
  const { t } = useTranslation('settlement');
  return <StatusTag tone={STATEMENT[status] ?? 'neutral'}>{t(`status.${status}`)}</StatusTag>;
}

const DISPUTE: Record<Dispute['status'], Tone> = {
  open: 'warning',
  accepted: 'success',
  upheld: 'info',
  reversed: 'neutral',
};

export function DisputeTag({ status }: { status: Dispute['status'] }) {
  const { t } = useTranslation('settlement');
  return <StatusTag tone={DISPUTE[status] ?? 'neutral'}>{t(`disputeStatus.${status}`)}</StatusTag>;
}

const RUN: Record<Run['status'], Tone> = {
  running: 'info',
  completed: 'success',
  partial: 'warning',
  unchanged: 'neutral',
  failed: 'danger',
  cancelled: 'neutral',
};

export function RunTag({ status }: { status: Run['status'] }) {
  const { t } = useTranslation('settlement');
  return <StatusTag tone={RUN[status] ?? 'neutral'}>{t(`run.${status}`)}</StatusTag>;
}

/** A plain charge needs no word; what takes back or puts right says so. */
export function LineKindTag({ kind }: { kind?: LineKind }) {
  const { t } = useTranslation('settlement');
  if (!kind || kind === 'charge') return null;
  return <StatusTag tone={kind === 'reversal' ? 'danger' : 'warning'}>{t(`kind.${kind}`)}</StatusTag>;
}
