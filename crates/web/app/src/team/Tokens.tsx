import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type FormEvent, useState } from "react";
import { useAnswer } from "../api/answer";
import { roleName } from "../api/caller";
import { access } from "../api/clients";
import { messageOf } from "../api/errors";
import { Copy } from "../design/Copy";
import { Part } from "../design/Part";
import { Ago } from "../design/Time";
import { absolute, millis } from "../format/times";
import { Skeleton, Trouble } from "../frame/States";
import { toast } from "../frame/toasts";
import type { Token } from "../generated/herdbook/access/v1/access_pb";
import { Role } from "../generated/herdbook/common/v1/role_pb";
import { RoleSelect } from "./RoleSelect";

const REFRESH_MS = 15_000;
const DAY_MS = 86_400_000;

/** What a new token may live, in days; 0 is for ever. */
const LIVES = [7, 30, 90, 365, 0] as const;

/** The tokens of the workspace. The secret of a new one is shown once, here. */
export function Tokens() {
  const list = useAnswer("tokens", (signal) => access.listTokens({}, { signal }), { every: REFRESH_MS });
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<{ name: string; secret: string }>();
  const [all, setAll] = useState(false);
  if (list.error !== undefined)
    return <Trouble error={list.error} what="The list of tokens" retry={list.reload} />;
  if (!list.data) return <Skeleton rows={4} />;
  const works = list.data.tokens.filter(isGood);
  const over = list.data.tokens.length - works.length;
  const revoke = async (token: Token) => {
    try {
      await access.revokeToken({ id: token.id });
      toast(`The token “${token.name}” of ${token.principal} is revoked`);
    } catch (error) {
      toast(messageOf(error));
    }
    list.reload();
  };
  return (
    <Part
      title="Tokens"
      aside={
        !making && (
          <button type="button" className="button" onClick={() => setMaking(true)}>
            Create a token
          </button>
        )
      }
    >
      {making && (
        <MakeToken
          onCancel={() => setMaking(false)}
          onMade={(name, secret) => {
            setMaking(false);
            setMade({ name, secret });
            list.reload();
          }}
        />
      )}
      {made && (
        <div className="secret" role="status">
          <p>
            <b>{made.name}</b>: copy its secret now. It is kept hashed and cannot be shown again.
          </p>
          <p>
            <code>{made.secret}</code>
            <Copy text={made.secret} />
            <button type="button" className="button" onClick={() => setMade(undefined)}>
              I have it
            </button>
          </p>
        </div>
      )}
      {list.data.tokens.length === 0 ? (
        <p className="soft">No token yet. Trainers, pipelines and other programs call with one.</p>
      ) : (
        <table className="facts tokens">
          <thead>
            <tr>
              <th>Token</th>
              <th>Of</th>
              <th className="wide">At most</th>
              <th>Last used</th>
              <th className="wide">Created</th>
              <th>Ends</th>
              <th>
                <span className="hidden-text">Revoke</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {(all ? list.data.tokens : works).map((token) => (
              <tr key={token.id} className={isGood(token) ? "" : "soft"}>
                <th scope="row">{token.name}</th>
                <td>{token.principal}</td>
                <td className="wide">
                  {token.role ? roleName(token.role) : <span className="soft">its role</span>}
                </td>
                <td className="soft">
                  {token.lastUsedAt ? <Ago time={millis(token.lastUsedAt)} /> : "never"}
                </td>
                <td className="soft wide">
                  <Ago time={millis(token.createdAt)} />
                </td>
                <td>
                  <End token={token} />
                </td>
                <td className="number">
                  {isGood(token) && <Revoke token={token} onRevoke={() => void revoke(token)} />}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {over > 0 && (
        <p>
          <button type="button" className="button plain" aria-pressed={all} onClick={() => setAll(!all)}>
            {all ? "Hide" : "Show"} {over} that ended or were revoked
          </button>
        </p>
      )}
    </Part>
  );
}

function isGood(token: Token): boolean {
  return !token.revokedAt && (millis(token.expiresAt) ?? Number.POSITIVE_INFINITY) > Date.now();
}

function End({ token }: { token: Token }) {
  const ends = millis(token.expiresAt);
  if (token.revokedAt)
    return (
      <span>
        revoked <Ago time={millis(token.revokedAt)} />
      </span>
    );
  if (ends === undefined) return <span className="soft">never</span>;
  if (ends < Date.now()) return <span>expired</span>;
  const days = Math.ceil((ends - Date.now()) / DAY_MS);
  return (
    <time dateTime={new Date(ends).toISOString()} title={absolute(ends)} className={days <= 7 ? "warn" : ""}>
      in {days} {days === 1 ? "day" : "days"}
    </time>
  );
}

/** Revoking cannot be undone: it is asked twice. */
function Revoke({ token, onRevoke }: { token: Token; onRevoke: () => void }) {
  const [sure, setSure] = useState(false);
  return sure ? (
    <button
      type="button"
      className="button bad"
      // biome-ignore lint/a11y/noAutofocus: it stands where the button was that was pressed
      autoFocus
      onBlur={() => setSure(false)}
      onClick={onRevoke}
    >
      Revoke for good
    </button>
  ) : (
    <button
      type="button"
      className="button plain"
      aria-label={`Revoke ${token.name} of ${token.principal}`}
      onClick={() => setSure(true)}
    >
      Revoke
    </button>
  );
}

function MakeToken({
  onMade,
  onCancel,
}: {
  onMade: (name: string, secret: string) => void;
  onCancel: () => void;
}) {
  const members = useAnswer("members", (signal) => access.listPrincipals({}, { signal })).data?.principals;
  const [role, setRole] = useState<Role>(Role.UNSPECIFIED);
  const [life, setLife] = useState<number>(90);
  const [problem, setProblem] = useState<string>();
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const name = String(form.get("name")).trim();
    try {
      const { secret } = await access.createToken({
        name,
        principal: String(form.get("principal")),
        role,
        ...(life > 0 && { expiresAt: timestampFromMs(Date.now() + life * DAY_MS) }),
      });
      onMade(name, secret);
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  return (
    <form className="team-form" onSubmit={submit}>
      <label className="field">
        for
        <select name="principal" className="input">
          {members?.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label className="field">
        used by
        <input name="name" className="input" required placeholder="nightly training" autoComplete="off" />
      </label>
      <RoleSelect label="may be at most" shown value={role} none="what its member is" onChange={setRole} />
      <label className="field">
        works for
        <select className="input" value={life} onChange={(event) => setLife(Number(event.target.value))}>
          {LIVES.map((days) => (
            <option key={days} value={days}>
              {days ? `${days} days` : "ever"}
            </option>
          ))}
        </select>
      </label>
      <button type="submit" className="button primary">
        Create
      </button>
      <button type="button" className="button plain" onClick={onCancel}>
        Cancel
      </button>
      {problem && (
        <p role="alert" className="bad">
          {problem}
        </p>
      )}
    </form>
  );
}
