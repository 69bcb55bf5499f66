// A RealtimeSession with a function tool, whose news go into the caller's report.
import { RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';
import { WEATHER } from './caller.mjs';

/** What is the same over both transports; `options` are the session's. */
export function sessionFor(caller, options) {
  const { report } = caller;
  const tools = caller.tools.map((one) =>
    tool({
      ...one,
      strict: false,
      execute: async (given) => {
        report.tool = { name: one.name, ...given };
        return WEATHER;
      },
    }),
  );
  const agent = new RealtimeAgent({ name: 'Sam', instructions: 'Be brief.', tools });
  const session = new RealtimeSession(agent, options);
  session.on('agent_end', (_context, _agent, text) => {
    const answer = report.answers.findLast((one) => !one.text);
    if (answer) answer.text = text;
  });
  session.on('history_updated', (history) => {
    const messages = history.filter((item) => item.type === 'message');
    report.said = messages
      .filter((item) => item.role === 'user' && item.content[0]?.transcript)
      .map((item) => item.content[0].transcript);
    const answered = messages.find((item) => item.role === 'assistant');
    report.kept = answered?.content[0]?.transcript ?? null;
  });
  session.on('error', ({ error }) => report.errors.push(error?.error?.message ?? String(error)));
  session.on('transport_event', () => {
    report.events += 1;
    // What this event does to history and answers comes right after it.
    setTimeout(() => caller.noticed());
  });
  return session;
}
