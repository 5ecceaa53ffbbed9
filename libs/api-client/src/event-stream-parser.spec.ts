import { describe, expect, it } from '@jest/globals';
import { EventStreamParser, type StreamMessage } from './event-stream-parser.ts';

function parse(...pieces: string[]) {
  const messages: StreamMessage[] = [];
  const comments: string[] = [];
  const parser = new EventStreamParser({
    onMessage: (message) => messages.push(message),
    onComment: (text) => comments.push(text),
  });
  for (const piece of pieces) parser.push(piece);
  return { messages, comments };
}

describe('EventStreamParser', () => {
  it('reads messages and comments', () => {
    const { messages, comments } = parse(': connected behind 7\n\nid: 8\nevent: vm.created\ndata: {"a":1}\n\n');
    expect(messages).toEqual([{ id: '8', type: 'vm.created', data: '{"a":1}' }]);
    expect(comments).toEqual(['connected behind 7']);
  });

  it('reads the same in whatever pieces it comes, and with any line end', () => {
    const text = 'id: 8\r\nevent: vm.created\r\ndata: one\r\ndata: two\r\n\r\nid: 9\rdata:x\r\r';
    const expected = [
      { id: '8', type: 'vm.created', data: 'one\ntwo' },
      { id: '9', type: 'message', data: 'x' },
    ];
    expect(parse(`${text}\n`).messages).toEqual(expected);
    expect(parse(...text, '\n').messages).toEqual(expected);
  });

  it('keeps a message back until it is whole', () => {
    expect(parse('id: 8\ndata: half').messages).toEqual([]);
  });

  it('leaves out messages without data, and the id of one does not pass to the next', () => {
    expect(parse('id: 8\n\ndata: x\n\n').messages).toEqual([{ id: undefined, type: 'message', data: 'x' }]);
  });
});
