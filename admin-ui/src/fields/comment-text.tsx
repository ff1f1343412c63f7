import type { Comment } from '../api/contract/records';

/** The text of a comment with those it names set apart. Somebody who may not see the record is not named. */
export function CommentText({ comment }: { comment: Pick<Comment, 'text' | 'mentions'> }) {
  if (!comment.mentions?.length) return comment.text;
  return comment.text.split(/(@[a-z0-9][a-z0-9._-]*)/).map((part, at) =>
    part.startsWith('@') ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one text never move
      <span key={at} className="mention">
        {part}
      </span>
    ) : (
      part
    ),
  );
}
